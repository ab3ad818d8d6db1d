"""``vitnas profile memory``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import Json
from vitnas.figures import format_quantity
from vitnas.formats.resolution import in_px

if TYPE_CHECKING:
    from vitnas.arch.schema import Architecture
    from vitnas.cost.device import Device


def memory(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Architecture files, or published networks such as efficientformer:s0.", metavar="FILE..."
        ),
    ],
    target: Annotated[str | None, typer.Option(help="A device whose limits are checked.")] = None,
    resolution_px: Annotated[
        str | None,
        typer.Option(help="Side of the images, or height and width: 224x320 [default: the network's own]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how much memory a network takes, and what sets the peak.

    Peak activations are what is alive at once during one image's way through the network, a kernel's operands
    and results included; weights stand apart, and code, stack and a kernel's scratch space are not counted.
    For plain vision transformers the check of MCUFormer's authors stands beside it: it counts one block's MLP
    and a weight, and no attention.
    """

    from vitnas.hardware.load_device import load_device
    from vitnas.space.files import load_architecture

    device = load_device(target) if target is not None else None
    found = []
    for file in files:
        architecture = load_architecture(file)
        if resolution_px is not None:
            architecture = architecture.at_resolution(resolution_px)
        found.append(_memory(architecture, device))
    if as_json:
        _common.print_json(found)
        return
    for number, entry in enumerate(found):
        if number:
            say()
        _print(entry)


def _memory(architecture: Architecture, device: Device | None) -> dict[str, Any]:
    """All that is printed, as JSON."""
    from vitnas.cost.device import BYTES_OF_DTYPE
    from vitnas.hardware.devices.mcu import MCUFORMER_LIMIT_BYTES, mcuformer_bytes, memory_need

    need = memory_need(architecture)
    check = mcuformer_bytes(architecture)
    sizes = sorted(BYTES_OF_DTYPE.items(), key=lambda item: item[1])
    return {
        "network": architecture.name,
        "id": architecture.id,
        "resolution_px": architecture.resolution_px,
        "params": need.params,
        "peak_elements": need.peak_elements,
        "peak_bytes": {dtype: need.peak_elements * size for dtype, size in sizes},
        "weight_bytes": {dtype: need.params * size for dtype, size in sizes},
        "peak_at": {
            "block": need.block,
            "op": need.op,
            "blocks": need.blocks,
            "kernel": need.kernel.kind.value if need.kernel else None,
            "output_shape": need.kernel.output_shape if need.kernel else None,
        },
        "mcuformer": None
        if check is None
        else {"bytes": check, "limit_bytes": MCUFORMER_LIMIT_BYTES, "holds": check <= MCUFORMER_LIMIT_BYTES},
        "target": None if device is None else device.name,
        "limits": [] if device is None else _limits(architecture, device),
    }


def _limits(architecture: Architecture, device: Device) -> list[dict[str, Any]]:
    """Each limit of a device, with what the network needs of it at the device's dtype and batch."""
    from vitnas.cost.pricer import price_architecture

    needed: dict[str, Any] = price_architecture(architecture, device)
    return [
        {"cost": cost, "needed": needed[cost], "limit": most, "holds": needed[cost] <= most}
        for cost, most in device.limits.items()
    ]


def _print(entry: dict[str, Any]) -> None:
    """One network."""
    params = format_quantity("params", entry["params"])
    say(f"{entry['network']}: {in_px(entry['resolution_px'])}, batch 1, {params} parameters")
    rows = [
        (dtype, *(format_quantity("peak_bytes", entry[key][dtype]) for key in ("peak_bytes", "weight_bytes")))
        for dtype in entry["peak_bytes"]
    ]
    headers = ("dtype", "peak activations", "weights")
    _common.print_table(headers, rows, right=headers[1:], indent=2)
    say(f"  peak in {_place(entry['peak_at'])}")
    if entry["mcuformer"]:
        check = entry["mcuformer"]
        most = format_quantity("peak_bytes", check["limit_bytes"])
        verdict = f"within its {most}" if check["holds"] else f"above its {most}"
        say(f"  MCUFormer's check, int8: {format_quantity('peak_bytes', check['bytes'])}, {verdict}")
    if entry["target"] and not entry["limits"]:
        say(f"  {entry['target']} states no limits")
    for limit in entry["limits"]:
        needed, most = (format_quantity(limit["cost"], limit[key]) for key in ("needed", "limit"))
        verdict = "holds" if limit["holds"] else "does not hold"
        say(f"  {entry['target']}: {limit['cost']} {needed} of {most}: {verdict}")


def _place(at: dict[str, Any]) -> str:
    """Where the peak is, in words."""
    others = f" and {at['blocks'] - 1} like it" if at["blocks"] > 1 else ""
    if at["kernel"] is None:
        return f"{at['block']} ({at['op']}){others}: its input"
    shape = " x ".join(str(n) for n in at["output_shape"])
    return f"{at['block']} ({at['op']}){others}: {at['kernel']} that gives {shape}"
