"""Limits on costs, and by how much candidates exceed them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.priced import Figures
from vitnas.errors import InvalidBudget, unknown
from vitnas.figures import figure_of, format_quantity, limits, parse_quantity, split_cost
from vitnas.searching.objectives import held

IDLE = 1.25  # a budget is idle where no network of the front comes nearer than this factor


@dataclass(frozen=True)
class Budget:
    """One limit.

    Attributes:
        cost: a key of `figures.FIGURES`, with a device behind an ``@`` where there are several.
        limit: in the unit of ``cost``; a candidate exactly at it is within the budget.
        at_least: the limit is a lower one.
        device: whose own limit it is; empty for one that the user set.

    Raises:
        InvalidBudget: the limit is not a positive, finite number.
    """

    cost: str
    limit: float
    at_least: bool = False
    device: str = ""

    def __post_init__(self) -> None:
        figure_of(self.cost)
        if not (self.limit > 0 and math.isfinite(self.limit)):
            raise InvalidBudget(f"the budget for {self.cost} must be above 0 and finite, not {self.limit}")

    @property
    def option(self) -> str:
        """Its name on the command line, such as ``max-latency``."""
        return f"{'min' if self.at_least else 'max'}-{figure_of(self.cost).budget.replace('_', '-')}"

    @property
    def is_met_by_less(self) -> bool:
        """Whether it is met as soon as less is computed, moved or held."""
        return self.at_least == (split_cost(self.cost)[0] == "throughput_per_s")

    def excess(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """By what share (n,) of the limit costs (n,) miss it: 0 within, infinite where unknown (nan)."""
        share = np.asarray(values, dtype=np.float64) / self.limit - 1.0
        missed = np.maximum(-share if self.at_least else share, 0.0)
        return np.where(np.isnan(missed), np.inf, missed)

    def __str__(self) -> str:
        limit = f"{self.cost} {'>=' if self.at_least else '<='} {format_quantity(self.cost, self.limit)}"
        return limit + (f" (limit of {self.device})" if self.device else "")


def violation(costs: Mapping[str, NDArray[np.generic]], budgets: Sequence[Budget]) -> NDArray[np.float64]:
    """The sum (n,) of relative excesses over all budgets; 0 where all are met.

    Args:
        costs: cost -> values (n,); the costs of all budgets, or any if there are none.
    """
    n = len(next(iter(costs.values()))) if costs else 0
    total = np.zeros(n)
    for budget in budgets:
        total += budget.excess(costs[budget.cost])
    return total


def idle(budgets: Iterable[Budget], costs: Mapping[str, NDArray[np.generic]]) -> list[str]:
    """What to say of the user's budgets from which a front stays far: another budget or the space ends it.

    Args:
        budgets: of the search.
        costs: cost -> values (n,) of the front.
    """
    found = []
    for budget in budgets:
        values = np.asarray(costs[budget.cost], dtype=np.float64)
        if budget.device or not values.size:
            continue
        nearest = float(values.min() if budget.at_least else values.max())
        spare = nearest / budget.limit if budget.at_least else budget.limit / max(nearest, 1e-12)
        if spare > IDLE:
            where = f"{'begins' if budget.at_least else 'ends'} at {format_quantity(budget.cost, nearest)}"
            found.append(f"{budget} excludes nothing of the front, which {where}")
    return found


def parse_budget(option: str, text: str | float) -> Budget:
    """A budget as on the command line: ``parse_budget("max-latency", "1.6ms")``.

    Raises:
        InvalidBudget: an unknown option, or a value with a wrong unit or sign.
    """
    cost, at_least = _read_option(option)
    return Budget(cost, parse_quantity(cost, text, where=_setting(option)), at_least)


def parse_budgets(option: str, text: str, figures: Figures) -> list[Budget]:
    """The budgets that an option sets on the devices of a run.

    ``1.6ms`` holds on every device that has this figure, ``iphone12=1.6ms,galaxy_s24=3ms`` on each named.

    Raises:
        UnknownName: the run has no such device.
        InvalidInput: no device of the run has this figure; says what it holds.
        InvalidBudget: as in `parse_budget`.
    """
    figure, at_least = _read_option(option)
    where = _setting(option)
    return [
        Budget(cost, parse_quantity(figure, value, where=where), at_least)
        for device, value in _by_device(text, where)
        for cost in held(figure, device, figures, where)
    ]


def _by_device(text: str, where: str) -> Iterator[tuple[str, str]]:
    if "=" not in text:
        yield "", text
        return
    for part in text.split(","):
        device, equals, value = part.partition("=")
        if not (equals and device.strip() and value.strip()):
            raise InvalidBudget(f"{where}: '{part}' is no DEVICE=LIMIT (write one limit, or A=LIMIT,B=LIMIT)")
        yield device.strip(), value.strip()


def _setting(option: str) -> str:
    """As messages name it: `max_latency`."""
    return f"`{option.removeprefix('--').replace('-', '_')}`"


def _read_option(option: str) -> tuple[str, bool]:
    """Figure, and whether it is a lower limit."""
    known = limits()
    name = option.removeprefix("--").replace("-", "_")
    if name not in known:
        usual = list(known)[: len(known) // 2]  # of one without a side, that side is meant
        others = known if name.startswith(("max_", "min_")) else usual
        raise InvalidBudget(str(unknown("budget", option, (other.replace("_", "-") for other in others))))
    figure, side = known[name]
    return figure.key, side == "min"


def with_own_limits(budgets: Sequence[Budget], figures: Figures) -> tuple[Budget, ...]:
    """The user's budgets, and the devices' own limits where the user has set none.

    Of two devices' limits on what is the same on both, such as params, the smaller stays.
    """
    user_set = {budget.cost for budget in budgets if not budget.at_least}
    own: dict[str, Budget] = {}
    for device in figures.devices:
        for figure, limit in device.limits.items():
            cost = (figures.of(figure, device.name) or figures.of(figure))[0]
            if not {cost, figure} & user_set and (cost not in own or limit < own[cost].limit):
                own[cost] = Budget(cost, limit, device=device.name)
    return (*budgets, *own.values())


def check_budgets(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """The budgets themselves.

    Raises:
        InvalidBudget: a lower limit lies above the upper limit of the same cost, or a limit stands twice.
    """
    limits: dict[tuple[str, bool], Budget] = {}
    for budget in budgets:
        if (budget.cost, budget.at_least) in limits:
            device = split_cost(budget.cost)[1]
            whose = f" for {device}" if device else ""
            raise InvalidBudget(f"{_setting(budget.option)} is given twice{whose}")
        limits[budget.cost, budget.at_least] = budget
    for (cost, at_least), low in limits.items():
        high = limits.get((cost, False)) if at_least else None
        if high is not None and low.limit > high.limit:
            low_text, high_text = (format_quantity(cost, b.limit) for b in (low, high))
            raise InvalidBudget(
                f"{_setting(low.option)} {low_text} lies above {_setting(high.option)} {high_text}: "
                "nothing can meet both"
            )
    return tuple(limits.values())
