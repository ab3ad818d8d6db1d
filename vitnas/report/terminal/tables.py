"""The front of a search as a table, beside the published networks, with what has to be said about it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.figures import FIGURES
from vitnas.hardware.targets import Target
from vitnas.law.expectation import NAME as EXPECTED
from vitnas.quality.parse import unit_of
from vitnas.report.terminal.axes import QUALITY_AXIS, cost_axis
from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.member_names import (
    OUT_OF_DOMAIN,
    OVER_BUDGET,
    PREDICTED,
    PUBLISHED,
    is_predicted,
    is_published,
    short_name,
    verdict,
)
from vitnas.report.terminal.notes import notes
from vitnas.run.result import Member, SearchResult
from vitnas.searching.objectives import cost_of

VERDICTS = {"suspicious": "suspect"}  # what fits the column
SHORT_NAME = 10  # characters of a name where room is scarce
NAME_ROOM = 48  # characters that the names of all devices may take


def front_table(result: SearchResult, *, numbered: bool = False) -> RenderableType:
    """The front and the published networks, interleaved by the first cost, with notes below.

    Args:
        result: of the search.
        numbered: the networks of the front have their positions in ``result.front``, from 0.
    """
    members = _ordered(result)
    places = {m.written: str(k) for k, m in enumerate(result.front)}
    numbers = [places.get(m.written, "") for m in members] if numbered else []
    return Group(members_table(result, members, numbers), Text(), *notes(result, members))


def members_table(
    result: SearchResult, members: Sequence[Member], numbers: Sequence[str] = ()
) -> RenderableType:
    """Networks of a search, a row each.

    Args:
        result: of the search.
        members: the networks.
        numbers: what stands before each; nothing if it is empty.
    """
    first = [Column("", numbers)] if numbers else []
    columns = _columns(result, members)
    known = [column for column in columns if not column.drop or any(c != "-" for c in column.cells)]
    return FittedTable([*first, *known], ["yellow" if is_published(m) else "" for m in members])


def value(member: Member, objective: str) -> float:
    """Of an objective, in its base unit; nan if unknown."""
    cost = cost_of(objective)
    found = member.costs.get(cost) if cost else member.quality
    return math.nan if found is None else float(found)


def _ordered(result: SearchResult) -> list[Member]:
    """From fast to slow, or by the first cost there is."""
    first = next((t.cost for t in result.targets if t.cost), "")
    costs = (first, *map(cost_of, result.objectives))
    across = next((cost for cost in costs if _has(result, cost)), "params")
    sign = -1 if cost_axis(across).more_is_better else 1

    def place(member: Member) -> tuple[float, bool]:
        found = member.costs.get(across)
        return (math.nan if found is None else sign * float(found)), not is_published(member)

    chosen = result.choice
    apart = [chosen] if chosen and all(chosen.id != m.id for m in result.front) else []
    return sorted((*result.front, *result.references, *apart), key=place)


def _has(result: SearchResult, cost: str) -> bool:
    return bool(cost) and any(m.costs.get(cost) is not None for m in (*result.front, *result.references))


def _marks(member: Member) -> str:
    marks = PUBLISHED * is_published(member) + OVER_BUDGET * (not member.feasible)
    return marks + OUT_OF_DOMAIN * bool(member.out_of_domain) + PREDICTED * is_predicted(member)


def _columns(result: SearchResult, members: Sequence[Member]) -> list[Column]:
    def cells(of: Callable[[Member], str]) -> list[str]:
        return [of(m) for m in members]

    names, marks = cells(short_name), cells(_marks)
    columns = [Column("", marks, right=False)] if any(marks) else []
    columns.append(Column("network", names, right=False, short=[_cut(name) for name in names]))
    costs = [m.costs for m in members]
    columns += time_columns(result.targets, costs)
    columns += cost_columns(costs, asked=result.objectives)
    columns += [
        Column("depth", cells(lambda m: str(m.depth)), drop=70),
        *_before(result, members),
        Column(_quality(result), cells(lambda m: _score(m, result.quality))),
    ]
    columns += [*_said(result, members), *_trained(members)]
    columns += expected_columns([m.scores.get(EXPECTED) for m in members])
    if any(m.health for m in members):
        verdicts = cells(lambda m: VERDICTS.get(verdict(m), verdict(m)))
        columns.append(Column("health", verdicts, right=False, drop=50))
    return columns + _stated(result, members) if result.references else columns


def _quality(result: SearchResult) -> str:
    """Header of what was maximised: the last rung's quality, where there are rungs."""
    return _stacked(result.quality, SHORT_NAME) if result.rungs else "quality"


def _score(member: Member, quality: str) -> str:
    if member.quality is not None and unit_of(quality) == "%":
        return f"{member.quality:.2f}"
    return QUALITY_AXIS.text(member.quality)


def _before(result: SearchResult, members: Sequence[Member]) -> list[Column]:
    """The scores of the search and of the rungs before the last."""
    names = [rung.quality for rung in result.rungs if rung.quality != result.quality and rung.output]
    columns = []
    for name in names:
        values = [m.rungs.get(name) for m in members]
        cells = ["-" if v is None else f"{v:.4g}" for v in values]
        columns.append(Column(_stacked(name, SHORT_NAME), cells, drop=20))
    return columns


def _said(result: SearchResult, members: Sequence[Member]) -> list[Column]:
    """What each member of a combined quality says, beyond what has a column already."""
    names = result.quality.split("+")
    columned = {"depth", *(cost for m in members for cost in m.costs)}
    shown = [name for name in names if len(names) > 1 and name not in columned]
    columns = []
    for name in shown:
        values = [m.scores.get(name, {}).get("value") for m in members]
        cells = ["-" if v is None or v != v else f"{v:.4g}" for v in values]
        columns.append(Column(_stacked(name, SHORT_NAME), cells, drop=30))
    return columns


def _trained(members: Sequence[Member]) -> list[Column]:
    """After how many epochs the accuracy was taken, where networks were trained."""
    epochs = [next((str(s["epochs"]) for s in m.scores.values() if "epochs" in s), "-") for m in members]
    return [Column("epochs", epochs, drop=40)] if any(cell != "-" for cell in epochs) else []


def _stated(result: SearchResult, members: Sequence[Member]) -> list[Column]:
    """What the authors of published networks state: accuracy, and latency on the run's devices."""
    top1 = [_fact(m.facts.get("top1"), ".1f") for m in members]
    columns = [Column("stated\ntop-1", top1, drop=30)] if any(top1) else []
    latencies = [target for target in result.targets if target.metric == "latency"]
    for target in latencies:
        stated = [_fact((m.facts.get("latency_ms") or {}).get(target.name), ".2f") for m in members]
        header = "stated\nms" if len(latencies) == 1 else f"stated\n{_stacked(target.name, SHORT_NAME)}\nms"
        if any(stated):
            columns.append(Column(header, stated, drop=10 if len(latencies) == 1 else 80))
    return columns


def expected_columns(entries: Sequence[Mapping[str, Any] | None]) -> list[Column]:
    """ImageNet top-1 to expect with half its 90 % interval: ``79.1 ±1.1``.

    Args:
        entries: value, low and high of each network, or None.
    """
    cells = [
        "-" if not e
        else "no claim" if e.get("out_of_range")
        else f"{e['value']:.1f} ±{(e['high'] - e['low']) / 2:.1f}"
        for e in entries
    ]  # fmt: skip
    return [Column("expected\ntop-1 %", cells, drop=35)] if any(entries) else []


def cost_columns(rows: Sequence[Mapping[str, Any]], asked: Collection[str] | None = None) -> list[Column]:
    """What is no time: a column for each figure.

    Args:
        rows: costs of each network.
        asked: objectives, whose figures are shown in any case beside those that always are; None shows all.
    """
    return [
        Column(f"{f.axis.title}\n{f.axis.unit}", [f.axis.text(row.get(f.key)) for row in rows], drop=f.drop)
        for f in FIGURES.values()
        if not f.is_time and (asked is None or f.shown or f.objective in asked)
    ]


def time_columns(targets: Sequence[Target], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Latency or throughput on every device that holds it, with its band where there is room.

    Args:
        targets: the devices.
        rows: costs of each network.
    """
    timed = [target for target in targets if target.cost]
    columns = []
    for target in timed:
        axis = cost_axis(target.cost)
        cells = [with_band(row.get(target.cost), target.band) for row in rows]
        if len(timed) == 1:
            columns.append(Column(f"{axis.title}\n{axis.unit}", cells))
            continue
        name = _stacked(target.name, max(min(NAME_ROOM // len(timed) - 1, SHORT_NAME), 4))
        bare = [with_band(row.get(target.cost), math.nan) for row in rows]
        columns.append(Column(f"{name}\n{axis.unit}", cells, short=bare))
    return columns


def with_band(figure: float | None, band: float) -> str:
    """A time with its band in the same unit: ``1.53 ±0.15``."""
    if figure is None or math.isnan(figure):
        return "-"
    decimals = 2 if figure < 100 else 1 if figure < 1000 else 0
    if math.isnan(band):
        return f"{figure:.{decimals}f}"
    while 0 < figure * band < 0.5 * 10.0**-decimals:  # never ±0.00
        decimals += 1
    return f"{figure:.{decimals}f} ±{figure * band:.{decimals}f}"


def _stacked(name: str, width: int) -> str:
    """A device's name in lines of at most ``width``: ``galaxy`` over ``s24``."""
    lines = [""]
    for part in re.split(r"[-_.]+", name):
        joined = f"{lines[-1]} {part}".strip()
        lines = [*lines[:-1], joined] if len(joined) <= width else [*lines, part]
    return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in lines if line)


def _cut(name: str) -> str:
    """Long enough to tell files apart, and to find them by completion."""
    return name if len(name) <= SHORT_NAME else name[: SHORT_NAME - 1] + "…"


def _fact(fact: Any, form: str) -> str:
    return format(fact, form) if isinstance(fact, int | float) else ""
