"""``vitnas study``: a run as an Optuna study."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._common import say
from vitnas.cli._option import Option, takes

if TYPE_CHECKING:
    from vitnas.study.sync import StudyResult

MANY = 10_000  # trials, from which on optuna-dashboard is slow


@takes(
    o.RUN,
    Option(
        "storage",
        "URL",
        "Database: sqlite:///study.db, postgresql+psycopg://USER@HOST/DATABASE, mysql+pymysql://... "
        "A password is never printed; ~/.pgpass keeps it out of the command, too.",
        str,
        ...,
    ),
    o.NAME.but(help="Of the study [default: the run's]."),
    Option(
        "limit",
        "NUMBER",
        "Networks of the whole front at most, evenly chosen [default: all of them].",
        int | None,
    ),
    o.JSON.but(help="One JSON document on stdout."),
)
def study(ctx: typer.Context, **given: Any) -> None:
    """Write a run as an Optuna study, for optuna-dashboard; again, and it adds what is new.

    Every network that was built is a trial, and of a run that ranks genomes by the million the whole front.

    vitnas study runs/x --storage sqlite:///study.db

    optuna-dashboard sqlite:///study.db
    """
    from vitnas.study.sync import write_study

    with _common.view(as_json=True) as view:
        what = {name: given[name] for name in ("storage", "name", "limit")}
        result = write_study(given["run"], **what, listener=view)
    if given["as_json"]:
        _common.print_json(dataclasses.asdict(result))
        return
    for line in _lines(result):
        say(line)


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
