"""``vitnas label``: ask for labels that a fitted quality learns from, and take them back."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._common import say
from vitnas.cli._option import Option, takes
from vitnas.errors import InvalidInput

if TYPE_CHECKING:
    from vitnas.labelling import Added, Asked

DEFAULT_COUNT = 50


@takes(
    o.RUN,
    Option(
        "count",
        "NUMBER",
        "Architectures to ask for [default: 50].",
        int | None,
        flags=("-n", "--count"),
    ),
    o.OUT.but(help="Where they are written [default: RUN/to_label].", type=str | None, default=None),
    Option("add", "FILE", "Add the labels of a table to the run instead of asking."),
    o.LABEL.but(help="Column of the labels [default: the only one, or accuracy]."),
    o.JSON.but(help="One JSON document on stdout."),
)
def label(ctx: typer.Context, **given: Any) -> None:
    """Ask for labels of some architectures, or add labels to a run.

    Asked for are those of which a fit is least certain, half of them on the front. In our benchmark 50 such
    labels teach as much as 50 random ones (docs/labels.md): how many there are matters more than which.

    Writes architecture files and a table, to_label.csv, with a blank column for what training, a supernet or
    anything else says of each (more is better). Fill it in, give it back, and search by what it teaches:

    vitnas label runs/x -n 50

    vitnas label runs/x --add runs/x/to_label/to_label.csv

    vitnas search --labels runs/x
    """
    run, out, count, column = (given[name] for name in ("run", "out", "count", "label"))
    if given["add"] is not None:
        for option, value in (("-n", count), ("--out", out)):
            if value is not None:
                raise InvalidInput(f"{option} is for asking; it cannot stand beside --add")
        from vitnas.labelling import add_labels

        _say_added(add_labels(run, given["add"], label=column), run, given["as_json"])
        return
    asked = ask(run, DEFAULT_COUNT if count is None else count, out, column)
    if given["as_json"]:
        _common.print_json(dataclasses.asdict(asked))
    else:
        say_asked(asked, run)


def ask(run: str, count: int, out: str | None = None, label: str | None = None) -> Asked:
    """Write what to label; progress goes to stderr."""
    from vitnas.labelling import ask_labels

    with _common.view(as_json=True) as view:
        return ask_labels(run, count, out=out, label=label, listener=view)


def say_asked(asked: Asked, run: str, *, err: bool = False) -> None:
    """Print what was written and what to do with it, on stderr if ``err``."""
    known = f", beside {asked.known} labels that the run has" if asked.known else ""
    lines = (
        f"wrote {len(asked.files)} architectures to {asked.folder}, the least certain first "
        f"({asked.from_front} of the front){known}",
        f"next: fill in the column '{asked.label}' of {asked.table} (more is better; blanks may stay)",
        f"then: vitnas label {shlex.quote(run)} --add {shlex.quote(str(asked.table))}",
    )
    for line in lines:
        say(line, err=err)


def _say_added(added: Added, run: str, as_json: bool) -> None:
    if as_json:
        _common.print_json(dataclasses.asdict(added))
        return
    say(f"added {added.added} labels '{added.label}'; the run has {added.known} labelled architectures")
    for note in added.notes:
        say(f"- {note}")
    say(f"next: vitnas search --labels {shlex.quote(run)}")
