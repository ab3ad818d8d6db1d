"""``vitnas profile check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitnas.cli._common import print_table, say
from vitnas.cli._option import Json
from vitnas.cli.profile._common import Progress, print_skipped, print_summary
from vitnas.formats.resolution import as_scalar

if TYPE_CHECKING:
    from vitnas.hardware.load_device import ProfiledDevice
    from vitnas.hardware.published.compare import CheckResult


def check(
    device: Annotated[str, typer.Argument(help="A device, or a profile's file.")],
    truth: Annotated[Path, typer.Option(help="CSV with timm_name_if_any, resolution, latency_ms.")],
    device_filter: Annotated[
        str, typer.Option(help="Keep rows whose device or runtime contains this text; all rows without it.")
    ] = "",
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst rows to print.")] = 10,
    as_json: Json = False,
) -> None:
    """Predict the networks of a CSV and print how far off the device is.

    Every row of the file counts, whatever device and runtime it names, unless --device-filter says otherwise.
    """
    from vitnas.hardware.load_device import load_device
    from vitnas.hardware.published.compare import check as run_check

    priced = load_device(device)
    with Progress("tracing") as progress:
        result = run_check(priced, truth, device_filter=device_filter, progress=progress)
    if as_json:
        head = {"device": priced.profile.name, "metric": priced.metric, "batch": priced.batch}
        say(json.dumps({**head, **result.to_dict()}))
    else:
        say(priced.label)
        say(_what_is_compared(priced))
        _print_check(result, worst)


def _what_is_compared(device: ProfiledDevice) -> str:
    unit = "an image" if device.metric == "throughput" else "a call"
    from_what = (
        "" if device.kind == "fitted" else "; networks priced from their kernels, no block was looked up"
    )
    return f"milliseconds {unit}, batch {device.batch}, {device.dtype}{from_what}"


def _print_check(result: CheckResult, worst: int) -> None:
    print_summary(result.summary)
    if worst:
        say("\nworst rows:")
    rows = [
        (
            checked.row.model or checked.row.timm_name,
            str(as_scalar(checked.row.resolution_px or 0) or "default"),
            f"{checked.row.latency_ms:g}",
            f"{checked.predicted_ms:.2f}",
            f"{100 * checked.error:+.0f}",
            "; ".join(checked.out_of_domain),
        )
        for checked in result.worst(worst)
    ]
    if rows:
        print_table(("model", "px", "truth ms", "predicted ms", "error %", "out of domain"), rows)
    print_skipped(result.skipped)
