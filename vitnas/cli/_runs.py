"""What commands that write a run folder share."""

from __future__ import annotations

from collections.abc import Collection

import typer

from vitnas.errors import InvalidInput


def is_default(ctx: typer.Context, option: str) -> bool:
    """Whether the user has left an option alone."""
    source = ctx.get_parameter_source(option)
    return source is None or source.name == "DEFAULT"


def refuse_changes(ctx: typer.Context, changeable: Collection[str]) -> None:
    """A resumed run does what the uninterrupted one would have: its settings stay.

    Args:
        changeable: names of the parameters that may stand beside ``--resume``.

    Raises:
        InvalidInput: names the first option that may not.
    """
    flags = {str(parameter.name): parameter.opts[0] for parameter in ctx.command.params}
    for name in ctx.params:
        if name not in changeable and not is_default(ctx, name):
            *most, last = [flags[other] for other in changeable if other != "resume"]
            may = f"{', '.join(most)} and {last}" if most else last
            problem = f"{flags[name]} cannot stand beside --resume: a run keeps its settings"
            raise InvalidInput(f"{problem} (only {may} may change)")
