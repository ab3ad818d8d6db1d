"""A front as a picture, on axes that a notebook shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidInput, missing_extra, unknown
from vitnas.report.terminal.axes import axis_of, plot_axes
from vitnas.report.terminal.member_names import short_name
from vitnas.report.terminal.tables import value
from vitnas.run.result import SearchResult
from vitnas.searching.objectives import objective_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = NDArray[np.float64]
OURS, THEIRS, DOTS, GRID = "#1f77b4", "#d62728", "#b8c4d0", "#e4e4e4"
SIZE_IN = (7.0, 4.6)


def draw_front(
    result: SearchResult,
    named: tuple[str, str],
    networks: Points,
    behind: Points,
    axes: Axes | None = None,
) -> Axes:
    """Networks of a search in the plane of two objectives, and the published networks within the budgets.

    Args:
        result: of the search.
        named: the objectives across and up, see `chosen`.
        networks: (k, 2) in base units, drawn with their positions.
        behind: (m, 2) of many others, drawn as dots.
        axes: to draw on; None for new ones.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    across, up = (axis_of(name) for name in named)
    axes = new_axes() if axes is None else axes
    scale = np.array([across.scale, up.scale])
    if len(behind):
        axes.plot(*(behind / scale).T, ".", color=DOTS, markersize=3, label="whole front")
    if len(networks):
        axes.plot(*(networks / scale).T, "o", color=OURS, markersize=6, label="front")
    for k, point in enumerate(networks / scale):
        _name(axes, str(k), point, OURS)
    published = [m for m in result.references if m.feasible]
    theirs = np.array([[value(m, name) for name in named] for m in published]).reshape(-1, 2) / scale
    if published:
        axes.plot(*theirs.T, "D", color=THEIRS, markersize=6, label="published")
    for member, point in zip(published, theirs, strict=True):
        _name(axes, short_name(member), point, THEIRS)
    axes.set(xlabel=across.label, ylabel=_label(result, named[1]), title=result.path.name)
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(frameon=False)
    return axes


def _name(axes: Axes, text: str, point: Points, colour: str) -> None:
    halo = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
    axes.annotate(
        text, tuple(point), xytext=(6, 4), textcoords="offset points", fontsize=8, color=colour, bbox=halo
    )


def chosen(result: SearchResult, x: str | None, y: str | None) -> tuple[str, str]:
    """The objectives across and up: those that are named, else a time or the first cost, and the quality.

    Raises:
        InvalidInput: the search has one objective only, and no other was named.
        UnknownName: no such objective.
    """
    default = plot_axes(result.objectives)
    if default is None and (x is None or y is None):
        raise InvalidInput(f"the run has one objective, {result.objectives[0]}: name `x` and `y`")
    names = x or (default or ("", ""))[0], y or (default or ("", ""))[1]
    for name in names:
        if name.partition("@")[0] not in objective_names():
            raise unknown("objective", name, objective_names())
    return names


def _label(result: SearchResult, objective: str) -> str:
    return f"quality ({result.quality})" if objective == "quality" else axis_of(objective).label


def new_axes() -> Axes:
    """Axes that a notebook shows.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None
    return pyplot.subplots(figsize=SIZE_IN, layout="constrained")[1]
