"""``vitnas study``: a run as an Optuna study."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vitnas.cli import _common

if TYPE_CHECKING:
    from vitnas.study.sync import StudyResult

MANY = 10_000  # trials, from which on optuna-dashboard is slow


def study(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder of 'vitnas search'.")],
    storage: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Database: sqlite:///study.db, postgresql+psycopg://USER@HOST/DATABASE, mysql+pymysql://... "
            "A password is never printed; ~/.pgpass keeps it out of the command, too.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the study [default: the run's].")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Networks of the whole front at most, evenly chosen [default: all of them].",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Write a run as an Optuna study, for optuna-dashboard; again, and it adds what is new.

    Every network that was built is a trial, and of a run that ranks genomes by the million the whole front.

    vitnas study runs/x --storage sqlite:///study.db

    optuna-dashboard sqlite:///study.db
    """
    from vitnas.report.terminal.plain import PlainView
    from vitnas.study.sync import write_study

    with PlainView(sys.stderr, time_s=None) as view:
        result = write_study(run, storage, name=name, limit=limit, listener=view)
    if as_json:
        _common.print_json(dataclasses.asdict(result))
        return
    for line in _lines(result):
        typer.echo(line)


def _lines(result: StudyResult) -> list[str]:
    changed = f", {result.changed:,} older ones have new attributes" if result.changed else ""
    lines = [
        f"study '{result.study}' in {result.storage}: {result.trials:,} trials, {result.added:,} new{changed}"
    ]
    if result.front is not None:
        kept = result.front - result.left_out
        which = "the whole front" if not result.left_out else f"{kept:,} of the front, evenly chosen"
        lines.append(
            f"- this run ranked genomes: its trials are {which} ({result.front:,} networks) and those that "
            "were built; what was priced and fell behind is none"
        )
    if result.unscored:
        lines.append(f"- {result.unscored:,} networks of the log have no quality, and are left out")
    if result.trials > MANY:
        lines.append(f"- optuna-dashboard is slow beyond {MANY:,} trials: --limit 2000 and another --name")
    return [*lines, f"next: optuna-dashboard {result.storage}"]
