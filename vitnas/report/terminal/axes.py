"""How objectives and costs stand in tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vitnas.figures import Axis, figure_of, split_cost, times
from vitnas.searching.objectives import QUALITY, cost_of

QUALITY_AXIS = Axis("quality", decimals=3, more_is_better=True)


def axis_of(objective: str) -> Axis:
    """How an objective is shown; one of a device, such as ``latency@iphone12``, with the device's name."""
    return QUALITY_AXIS if objective == QUALITY else cost_axis(cost_of(objective))


def cost_axis(cost: str) -> Axis:
    """How a figure of the cost table is shown."""
    axis, device = figure_of(cost).axis, split_cost(cost)[1]
    return replace(axis, title=f"{axis.title} {device}") if device else axis


def plot_axes(objectives: Sequence[str]) -> tuple[str, str] | None:
    """The objectives to draw across and up: a time or the first cost, and quality or the next cost.

    None with fewer than two objectives.
    """

    ranked = [figure.objective for figure in times()]
    costs = [name for name in objectives if name.partition("@")[0] in ranked]
    costs.sort(key=lambda name: ranked.index(name.partition("@")[0]))
    costs += [name for name in objectives if name not in (QUALITY, *costs)]
    ups = [name for name in objectives if name == QUALITY] + costs[1:]
    return (costs[0], ups[0]) if costs and ups else None
