"""What ``vitnas search --labels`` takes from its labels, beside the labels themselves."""

from __future__ import annotations

from typing import Any

import typer

from vitnas.cli._runs import is_default
from vitnas.cli.options import budget_options


def learned(ctx: typer.Context) -> dict[str, Any]:
    """Settings that follow from ``--labels`` where they are not given themselves.

    Labels are for the search, unless a rung (``--then``) learns from them; those of a run are
    for its space, device and budgets (all of its budgets, or none if one is given).
    """
    labels = ctx.params["labels"]
    if labels is None:
        return {}
    from vitnas.labelling import inherited
    from vitnas.quality.parse import parse_quality
    from vitnas.searching.config import LABELLED_QUALITY

    settings = inherited(labels)
    budgets = settings.pop("budgets", ())
    rungs = [rung.rpartition(":")[0] for rung in ctx.params.get("then") or ()]
    learns = any(parse_quality(rung).needs("labels") for rung in rungs if rung)
    found = settings if learns else {"quality": LABELLED_QUALITY, **settings}
    found = {name: value for name, value in found.items() if is_default(ctx, name)}
    if all(is_default(ctx, option.name) for option in budget_options()):
        found |= {option.replace("-", "_"): text for option, text in budgets}
    return found
