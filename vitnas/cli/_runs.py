"""What commands that write a run folder share."""

from __future__ import annotations

from collections.abc import Collection

import typer

from vitnas.errors import InvalidInput


def is_default(ctx: typer.Context, option: str) -> bool:
    """Whether the user has left an option alone."""
    source = ctx.get_parameter_source(option)
    return source is None or source.name == "DEFAULT"


def gives_settings(ctx: typer.Context, *essential: str) -> bool:
    """Whether a command says what to run, so that ``--resume`` may begin it.

    Args:
        essential: options, of which no run does without all.
    """
    return not all(is_default(ctx, name) for name in essential)


def refuse_beside_resume(ctx: typer.Context, *names: str) -> None:
    """Of a whole command with ``--resume``: refuse what has no meaning there.

    Raises:
        InvalidInput: names the option.
    """
    for name in names:
        if not is_default(ctx, name):
            raise InvalidInput(f"`{name}` cannot stand beside --resume, which names the run's folder")


def refuse_changes(ctx: typer.Context, changeable: Collection[str]) -> None:
    """A resumed run does what the uninterrupted one would have: its settings stay.

    Args:
        changeable: names of the parameters that may stand beside ``--resume``.

    Raises:
        InvalidInput: names the first option that may not.
    """
    for name in ctx.params:
        if name not in changeable and not is_default(ctx, name):
            *most, last = [f"`{other}`" for other in changeable if other != "resume"]
            may = f"{', '.join(most)} and {last}" if most else last
            problem = f"`{name}` cannot stand beside --resume: a run keeps its settings"
            whole = "or give the whole command that began it"
            raise InvalidInput(f"{problem} (only {may} may change; {whole})")
