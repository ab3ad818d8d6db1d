"""What is printed when a search is over: plot, table, how it went, what was written where."""

from __future__ import annotations

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.report.terminal.axes import axis_of, plot_axes
from vitnas.report.terminal.member_names import short_name
from vitnas.report.terminal.plots import Mark
from vitnas.report.terminal.progress import scatter
from vitnas.report.terminal.rung_table import funnel_table
from vitnas.report.terminal.tables import front_table, value
from vitnas.report.terminal.wording import count, duration, ratio
from vitnas.run.result import Member, SearchResult


def report(result: SearchResult) -> RenderableType:
    """All that is printed when a search is over: plot, table, how it went, what was written."""
    plot = front_plot(result)
    drawn = [plot, Text()] if plot is not None else []
    climbed = [Text(), funnel_table(result.rungs)] if result.rungs else []
    return Group(*drawn, front_table(result), Text(), summary(result), *climbed, Text(), written(result))


def front_plot(result: SearchResult, height: int = 14) -> RenderableType | None:
    """The written front and the published networks within the budgets; None without two objectives."""
    axes = plot_axes(result.objectives)
    if axes is None:
        return None
    points = np.array([_point(m, axes) for m in result.front], dtype=np.float64).reshape(-1, 2)
    marks = [Mark(short_name(m), *_point(m, axes)) for m in result.references if m.feasible]
    return scatter(points, axes, marks, height)


def _point(member: Member, axes: tuple[str, str]) -> tuple[float, float]:
    x, y = (value(member, name) / axis_of(name).scale for name in axes)
    return x, y


def summary(result: SearchResult) -> RenderableType:
    """How the search went, in one or two lines."""
    repeats = f" ({count(result.distinct)} distinct)" if 0 < result.distinct < result.trials else ""
    every = f"all {count(result.distinct)} feasible architectures were scored: no search finds a better front"
    lines = [
        f"{result.config.strategy}: {count(result.trials)} feasible candidates scored{repeats} of "
        f"{count(result.asked)} priced, {duration(result.seconds)}",
        *([every] if result.exhaustive else []),
        *failures(result),
        f"hypervolume {result.hypervolume:.3f}"
        + against_random(result.hypervolume, result.random_hypervolume),
    ]
    return Text("\n".join(lines))


def failures(result: SearchResult) -> list[str]:
    """``3 candidates failed: 2 hung, 1 ValueError``; nothing where none did."""
    if not result.failed:
        return []
    ordered = sorted(result.failures.items(), key=lambda item: (-item[1], item[0]))
    kinds = ", ".join(f"{count(number)} {kind}" for kind, number in ordered)
    candidates = "candidate" if result.failed == 1 else "candidates"
    return [f"{count(result.failed)} {candidates} failed: {kinds} (evaluations.jsonl says why of each)"]


def against_random(hypervolume: float, random_hypervolume: float | None) -> str:
    """``, random search after as many trials 0.842 (x1.083)``; empty without that arm."""
    if random_hypervolume is None:
        return ""
    gained = ratio(hypervolume, random_hypervolume)
    return f", random search after as many trials {random_hypervolume:.3f} ({gained})"


def written(result: SearchResult) -> RenderableType:
    """What was written where, and what to do with it."""
    rows = [
        ("front.json", "every figure of the networks above"),
        ("whole_front.json", "objectives and genomes of all of the front"),
        ("reference.json", "the published networks, scored in this run"),
        ("evaluations.jsonl", "every measured network, a line each"),
        ("manifest.json", "settings, seed and versions"),
    ]
    if result.rungs:
        rows.insert(2, ("rungs.json", "what every candidate of a rung has scored"))
    if result.choice:
        rows.insert(0, (result.choice.written, f"what {result.config.strategy} itself would take"))
    numbers = [file.rpartition("/")[2].partition("-")[0] for file in result.files]
    if numbers:
        span = " to ".join(f"{number}-*.yaml" for number in dict.fromkeys((numbers[0], numbers[-1])))
        rows.insert(0, ("best/", f"{count(len(numbers))} architectures, {span}"))
    lines = [f"wrote {result.path}/", *(f"  {name:<17}  {what}" for name, what in rows)]
    return Text("\n".join(lines))
