"""The rungs of a run as a table: how many went in, were scored, failed and came out, and the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.wording import count, duration
from vitnas.run.result import RungPlan
from vitnas.searching.rungs import RungResult

NAME_WIDTH = 34


def funnel_table(rungs: Sequence[RungResult]) -> RenderableType:
    """The search and every rung after it, a row each, with what has to be said about them below."""
    names = [_cut(rung.quality if rung.take else f"search, {rung.quality}") for rung in rungs]
    table = FittedTable(
        [
            Column("rung", names, right=False),
            Column("in", [count(rung.input) for rung in rungs]),
            Column("scored", [count(rung.scored) for rung in rungs]),
            Column("failed", [count(rung.failed) for rung in rungs]),
            Column("out", [count(rung.output) for rung in rungs]),
            Column("time", [duration(rung.seconds) for rung in rungs]),
        ]
    )
    lines = ["in: what the search priced, then networks of the front before; out: the front."]
    return Group(table, *(Text(line) for line in [*lines, *_notes(rungs)]))


def _notes(rungs: Sequence[RungResult]) -> Iterator[str]:
    for rung in rungs:
        if not rung.whole:
            left = rung.input - rung.scored - rung.failed
            yield f"{rung.quality}: interrupted" + (f", {count(left)} are left." if rung.take else ".")
        if rung.take is not None and rung.input < rung.take:
            yield f"{rung.quality}: {count(rung.take)} asked, the front before held {count(rung.input)}."
        if rung.take is not None and rung.failures:
            kinds = ", ".join(f"{count(number)} {kind}" for kind, number in rung.failures.items())
            yield f"{rung.quality}: {kinds} (rungs.json says why of each)."


def plan_table(plans: Sequence[RungPlan]) -> FittedTable:
    """What the rungs of a dry run would take."""
    return FittedTable(
        [
            Column("rung", [_cut(plan.quality) for plan in plans], right=False),
            Column("takes at most", [count(plan.take) for plan in plans]),
            Column("time", ["?" if p.seconds is None else duration(p.seconds) for p in plans]),
        ]
    )


def _cut(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else "…" + name[1 - NAME_WIDTH :]
