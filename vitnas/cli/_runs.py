"""What commands share that are functions of the API: `search` and `vitnas.search`, `scale` and so on."""

from __future__ import annotations

from typing import Any

import typer

from vitnas.cli.options import WORKER_NAMES, worker_settings

OWN = ("as_json", "active")  # what the command does itself


def asked(ctx: typer.Context) -> dict[str, Any]:
    """The options that the user gave, as keywords of the function, and who works."""
    given = {name: value for name, value in ctx.params.items() if not _is_default(ctx, name)}
    left_out = (*WORKER_NAMES, *OWN)
    return {n: v for n, v in given.items() if n not in left_out} | {"workers": worker_settings(ctx.params)}


def _is_default(ctx: typer.Context, option: str) -> bool:
    """Whether the user has left an option alone."""
    source = ctx.get_parameter_source(option)
    return source is None or source.name == "DEFAULT"
