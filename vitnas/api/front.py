"""The front of a search: to look at, to choose from, to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from vitnas.api.inputs import limit as read_limit
from vitnas.api.members import Members
from vitnas.cost.priced import Figures
from vitnas.errors import InvalidInput, NothingFeasible, unknown
from vitnas.figures import FIGURES, format_quantity
from vitnas.hardware.targets import load_targets
from vitnas.report.terminal.tables import members_table
from vitnas.run.read_result import Rows, read_whole_front
from vitnas.run.result import Member, SearchResult
from vitnas.searching.budget import Budget, parse_budgets
from vitnas.searching.objectives import QUALITY, cost_of, is_maximised, resolve_objectives

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


class Front(Members):
    """The front of a search: none of its networks is beaten by another in all objectives.

    Args:
        members: the networks.
        result: of the search.
        name: for errors and ``repr``.
    """

    def __init__(self, members: Sequence[Member], result: SearchResult, name: str = "front") -> None:
        super().__init__(members, name)
        self.result = result

    def _like(self, members: Sequence[Member]) -> Front:
        return Front(members, self.result, self.name)

    def _table(self, places: Sequence[int]) -> RenderableType:
        return members_table(self.result, [self[k] for k in places], [str(k) for k in places])

    def to_pandas(self) -> DataFrame:
        """As `Members.to_pandas`; of a whole front the objectives and genomes."""
        return self._frame(self.members.columns()) if isinstance(self.members, Rows) else super().to_pandas()

    def best(self, objective: str = QUALITY, **limits: Any) -> Member:
        """The network with the best value of an objective within limits.

        ``front.best("quality", latency=1.2)``, ``front.best("latency@iphone12", params="8M")``

        Args:
            objective: quality, latency, throughput, params, macs, activations or memory.
            limits: what it may cost at most (a throughput: what it needs at least), by the same names; a
                number, a text with a unit, or a dict by device.

        Raises:
            NothingFeasible: no network of the front is within the limits; says what there is.
            InvalidInput: a name or limit is wrong.
        """
        config = self.result.config
        figures = Figures(load_targets(config.targets, self.result.path), config.batch)
        wanted = resolve_objectives([objective], figures)
        if len(wanted) > 1:
            raise InvalidInput(f"`objective`: '{objective}' is one of several devices, write {wanted[0]}")
        budgets = [b for name, value in limits.items() for b in _budgets(name, value, figures)]
        values = self._values(cost_of(wanted[0])) * (1 if is_maximised(objective) else -1)
        for budget in budgets:
            values = np.where(budget.excess(self._values(budget.cost)) == 0, values, np.nan)
        if not np.isfinite(values).any():
            raise NothingFeasible(f"no network of the front has {self._reached(budgets) or objective}")
        return self[int(np.nanargmax(values))]

    def _values(self, cost: str) -> NDArray[np.float64]:
        """A figure (n,) of all networks, their quality where it is empty; nan where unknown."""
        if isinstance(self.members, Rows):
            columns = self.members.columns()
            return np.asarray(columns.get(cost or QUALITY, np.full(len(self), np.nan)), np.float64)
        found = (m.costs.get(cost) if cost else m.quality for m in self.members)
        return np.array([math.nan if value is None else value for value in found], np.float64)

    def _reached(self, budgets: Sequence[Budget]) -> str:
        """The limits, each with what the front holds."""
        return " and ".join(f"{budget} (it has {self._span(budget.cost)})" for budget in budgets)

    def _span(self, cost: str) -> str:
        values = self._values(cost)
        known = values[np.isfinite(values)]
        if not len(known):
            return "no such figure"
        return f"{format_quantity(cost, known.min())} to {format_quantity(cost, known.max())}"

    def plot(self, x: str | None = None, y: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the networks over the whole front, and the published networks.

        Args:
            x, y: objectives across and up; None for a time or the first cost, and the quality.
            ax: axes to draw on; None for new ones.

        Returns:
            the axes, of matplotlib.

        Raises:
            MissingExtra: matplotlib is not installed; names the extra.
        """
        from vitnas.report.figures.front_plot import chosen, draw_front

        named = chosen(self.result, x, y)
        if isinstance(self.members, Rows):
            return draw_front(self.result, named, np.zeros((0, 2)), self._points(named), ax)
        whole = Front(read_whole_front(self.result), self.result)
        return draw_front(self.result, named, self._points(named), whole._points(named), ax)

    def _points(self, named: tuple[str, str]) -> NDArray[np.float64]:
        """Objectives (n, 2) in base units."""
        return np.stack([self._values(cost_of(name)) for name in named], axis=1)


def _budgets(name: str, value: Any, figures: Figures) -> list[Budget]:
    """The limit on a figure, named as the objective: on the side on which less is worse."""
    known = {figure.objective: f"{figure.bound}-{figure.budget}" for figure in FIGURES.values()}
    if name not in known:
        raise unknown("limit", name, known, where="best")
    return parse_budgets(known[name], read_limit(name, value), figures)
