"""Limits on costs, and by how much candidates exceed them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidBudget, unknown
from vitnas.units import UNITS, format_quantity, parse_quantity

OPTIONS = {  # name of a limit -> cost
    "latency": "latency_ms",
    "params": "params",
    "macs": "macs",
    "activations": "activations",
    "activation-memory": "peak_bytes",
}


@dataclass(frozen=True)
class Budget:
    """One limit.

    Attributes:
        cost: ``latency_ms``, ``params``, ``macs``, ``activations`` or ``peak_bytes``.
        limit: in the unit of ``cost``; a candidate exactly at it is within the budget.
        at_least: the limit is a lower one.

    Raises:
        InvalidBudget: the limit is not a positive, finite number.
    """

    cost: str
    limit: float
    at_least: bool = False

    def __post_init__(self) -> None:
        if self.cost not in UNITS:
            raise unknown("cost", self.cost, UNITS)
        if not (self.limit > 0 and math.isfinite(self.limit)):
            raise InvalidBudget(f"the budget for {self.cost} must be above 0 and finite, not {self.limit}")

    @property
    def option(self) -> str:
        """Its name on the command line, such as ``max-latency``."""
        name = next(name for name, cost in OPTIONS.items() if cost == self.cost)
        return f"{'min' if self.at_least else 'max'}-{name}"

    def excess(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """By what share (n,) of the limit costs (n,) miss it: 0 within, infinite where unknown (nan)."""
        share = np.asarray(values, dtype=np.float64) / self.limit - 1.0
        missed = np.maximum(-share if self.at_least else share, 0.0)
        return np.where(np.isnan(missed), np.inf, missed)

    def __str__(self) -> str:
        return f"{self.cost} {'>=' if self.at_least else '<='} {format_quantity(self.cost, self.limit)}"


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


def parse_budget(option: str, text: str | float) -> Budget:
    """A budget as on the command line: ``parse_budget("max-latency", "1.6ms")``.

    Raises:
        InvalidBudget: an unknown option, or a value with a wrong unit or sign.
    """
    bound, _, name = option.removeprefix("--").partition("-")
    if bound not in ("max", "min") or name not in OPTIONS:
        known = (f"{bound}-{name}" for bound in ("max", "min") for name in OPTIONS)
        raise InvalidBudget(str(unknown("budget", option, known)))
    cost = OPTIONS[name]
    return Budget(cost, parse_quantity(cost, text, where=f"--{bound}-{name}"), at_least=bound == "min")


def check_budgets(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """The budgets themselves.

    Raises:
        InvalidBudget: a lower limit lies above the upper limit of the same cost, or a limit stands twice.
    """
    by_option: dict[str, Budget] = {}
    for budget in budgets:
        if budget.option in by_option:
            raise InvalidBudget(f"--{budget.option} is given twice")
        by_option[budget.option] = budget
    for option, low in by_option.items():
        high = by_option.get("max" + option.removeprefix("min")) if low.at_least else None
        if high is not None and low.limit > high.limit:
            low_text, high_text = (format_quantity(b.cost, b.limit) for b in (low, high))
            raise InvalidBudget(
                f"--{low.option} {low_text} lies above --{high.option} {high_text}: nothing can meet both"
            )
    return tuple(by_option.values())
