"""``vitnas devices``, ``vitnas proxies`` and ``vitnas strategies``: one line each."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vitnas import plugins
from vitnas.cli import _common
from vitnas.errors import InvalidInput

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def devices(as_json: Json = False) -> None:
    """List the devices that latencies are known for."""
    found = [_device(name) for name in plugins.list_data("hardware_profiles")]
    if as_json:
        _common.print_json(found)
        return
    rows = [
        (
            entry["name"],
            entry["kind"],
            "" if entry["band"] is None else f"±{100 * entry['band']:.0f} %",
            entry["dtype"],
            entry["problem"] or f"{entry['description']}; {entry['runtime']}",
        )
        for entry in found
    ]
    _common.print_table(("device", "kind", "error", "dtype", "what it is"), rows, right={"error"})


def _device(name: str) -> dict[str, Any]:
    """What a profile says; one that cannot be read is listed with its problem, the others still are."""
    from vitnas.hardware.profile_file import load_profile

    entry: dict[str, Any] = dict.fromkeys(
        ("kind", "band", "dtype", "description", "runtime", "full_name", "source", "problem")
    )
    try:
        profile = load_profile(name)
    except InvalidInput as problem:
        return {"name": name, **entry, "kind": "invalid", "dtype": "", "problem": str(problem)}
    return {
        "name": name,
        **entry,
        "kind": profile.kind,
        "band": profile.error.band if profile.error else None,
        "dtype": profile.conditions.dtype,
        "description": profile.description,
        "runtime": profile.conditions.runtime,
        "full_name": profile.name,
        "source": profile.source,
    }


def proxies(as_json: Json = False) -> None:
    """List the training-free quality scores."""
    _print_plugins("proxy", as_json)


def strategies(as_json: Json = False) -> None:
    """List the search strategies."""
    _print_plugins("strategy", as_json)


def _print_plugins(kind: str, as_json: bool) -> None:
    found = plugins.list_plugins(kind)
    if as_json:
        _common.print_json([{"name": name, "description": line} for name, line in found.items()])
    else:
        _common.print_table((kind, "what it is"), list(found.items()))
