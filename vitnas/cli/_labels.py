"""What ``vitnas search --labels`` takes from its labels, beside the labels themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from vitnas.cli._runs import is_default

QUALITY = "fitted"


def learned(ctx: typer.Context, limits: Sequence[str]) -> dict[str, Any]:
    """Settings that follow from ``--labels`` where they are not given themselves.

    Labels are for quality ``fitted``, of the search unless a rung (``--then``) has it; those of a run are
    for its space, device and budgets (all of its budgets, or none if one is given).

    Args:
        limits: names of the options that set budgets.
    """
    labels = ctx.params["labels"]
    if labels is None:
        return {}
    from vitnas.labelling import inherited

    settings = inherited(labels)
    budgets = settings.pop("budgets", ())
    learns = any(rung.rpartition(":")[0].strip() == QUALITY for rung in ctx.params.get("then") or ())
    found = settings if learns else {"quality": QUALITY, **settings}
    found = {name: value for name, value in found.items() if is_default(ctx, name)}
    options = [option.replace("-", "_") for option, _ in budgets]
    if all(is_default(ctx, option) for option in limits):
        found |= dict(zip(options, (text for _, text in budgets), strict=True))
    return found
