"""``vitnas devices``, ``vitnas proxies`` and ``vitnas strategies``: one line each."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

from vitnas import plugins
from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import Json
from vitnas.errors import InvalidInput, VitnasError
from vitnas.units import percent

INDENT = "    "
ABOUT_DEVICE = (
    *("kind", "metric", "band", "dtype", "description", "runtime", "batch", "threads", "resolution_px"),
    *("limits", "measurements", "full_name", "source", "problem"),
)


def devices(as_json: Json = False) -> None:
    """List the devices that latencies are known for."""
    found = [_device(name) for name in plugins.list_data("hardware_profiles")]
    if as_json:
        _common.print_json(found)
        return
    heads = [
        (
            entry["name"],
            entry["kind"],
            entry["metric"] or "",
            "" if entry["band"] is None else f"±{percent(entry['band'])} %",
            entry["dtype"] or "",
        )
        for entry in found
    ]
    headers = ("device", "kind", "holds", "error", "dtype")
    head, *lines = _common.table_lines(headers, heads, right={"error"}, width=_common.width())
    say(head)
    for line, entry in zip(lines, found, strict=True):
        say(line)
        about = entry["problem"] or f"{entry['description']}; {entry['runtime']}"
        for part in textwrap.wrap(about, _common.width() - len(INDENT)):
            say(INDENT + part)


def _device(name: str) -> dict[str, Any]:
    """What a profile says; one that cannot be read is listed with its problem, the others still are."""
    from vitnas.hardware.profile.read import load_profile

    try:
        profile = load_profile(name)
    except InvalidInput as problem:
        return {"name": name, **dict.fromkeys(ABOUT_DEVICE), "kind": "invalid", "problem": str(problem)}
    conditions, table, rows = profile.conditions, profile.table, profile.rows
    about = (
        profile.kind,
        profile.metric,
        profile.error.band if profile.error else None,
        conditions.dtype,
        profile.description,
        conditions.runtime,
        conditions.batch,
        conditions.threads,
        profile.resolution_px,
        dict(profile.limits),
        table.blocks if table else rows.number if rows else 0,
        profile.name,
        profile.source,
        None,
    )
    return {"name": name, **dict(zip(ABOUT_DEVICE, about, strict=True))}


def proxies(as_json: Json = False) -> None:
    """List the training-free quality scores."""
    _print_plugins("proxy", as_json)


def qualities(as_json: Json = False) -> None:
    """List what a search can maximise: qualities of genomes and of trainings, then the proxies."""
    if as_json:
        found = plugins.list_plugins("quality") | plugins.list_plugins("proxy")
        _common.print_json([{"name": name, "description": line} for name, line in found.items()])
        return
    _print_plugins("quality", as_json)
    say()
    _print_plugins("proxy", as_json)


def strategies(as_json: Json = False) -> None:
    """List the search strategies, and the options of each (--strategy-option of 'vitnas search')."""
    lines = plugins.list_plugins("strategy")
    options = {name: _options(name) for name in lines}
    if as_json:
        found = [{"name": n, "description": line, "options": options[n]} for n, line in lines.items()]
        _common.print_json(found)
        return
    _common.print_table(("strategy", "what it is"), list(lines.items()))
    rows = [(name, f"{o['name']}={o['default']}", o["help"]) for name, own in options.items() for o in own]
    say()
    _common.print_table(("strategy", "option and its default", "what it is"), rows, indent=len(INDENT))


def _options(strategy: str) -> list[dict[str, Any]]:
    """Its own options; of one that cannot be loaded there are none."""
    from vitnas.searching.strategy import load_strategy

    try:
        declared = load_strategy(strategy).options()
    except VitnasError:
        return []
    return [{"name": name, **dataclasses.asdict(option)} for name, option in declared.items()]


def _print_plugins(kind: str, as_json: bool) -> None:
    found = plugins.list_plugins(kind)
    if as_json:
        _common.print_json([{"name": name, "description": line} for name, line in found.items()])
    else:
        _common.print_table((kind, "what it is"), list(found.items()))
