"""What is searched: a space, its costs, the budgets and the objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import Costs, CostTable
from vitnas.errors import InvalidInput, unknown
from vitnas.search.budget import Budget, violation
from vitnas.search.feasible import FeasibleSampler
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

OBJECTIVES = {  # name -> figure of the cost table; quality is not a cost
    "quality": "",
    "latency": "latency_ms",
    "params": "params",
    "macs": "macs",
    "activations": "activations",
    "memory": "peak_bytes",
}


@dataclass(frozen=True)
class Batch:
    """Told candidates; rows line up.

    Attributes:
        genomes: (n, G) canonical.
        objectives: (n, M), all minimised (quality enters negated); nan where infeasible or failed.
        violation: (n,) 0 within all budgets, else the sum of relative excesses.
    """

    genomes: Genomes
    objectives: NDArray[np.float64]
    violation: NDArray[np.float64]


class Problem(Protocol):
    """What a strategy may know."""

    @property
    def space(self) -> Space:
        """The space that genomes belong to."""
        ...

    @property
    def n_objectives(self) -> int:
        """Columns of ``Batch.objectives``."""
        ...

    def sample_feasible(self, n: int, rng: np.random.Generator) -> Genomes:
        """At most ``n`` distinct canonical genomes within the budgets, quickly however few there are."""
        ...


def check_objectives(objectives: Sequence[str], budgets: Sequence[Budget], *, has_device: bool) -> None:
    """Whether these can be searched.

    Raises:
        InvalidInput: an unknown objective, the same one twice, or latency without a device.
    """
    for name in objectives:
        if name not in OBJECTIVES:
            raise unknown("objective", name, OBJECTIVES)
    if len(set(objectives)) != len(objectives):
        raise InvalidInput(f"an objective stands twice in {', '.join(objectives)}")
    if not has_device and ("latency" in objectives or any(b.cost == "latency_ms" for b in budgets)):
        raise InvalidInput("latency needs a device: name one with --target (see 'vitnas devices')")


class SearchProblem:
    """The problem of one run.

    Args:
        table: prices genomes.
        budgets: limits on costs.
        objectives: names of ``OBJECTIVES``; quality goes up, the others down.

    Raises:
        InvalidInput: an unknown objective, latency without a device, or the same one twice.
    """

    def __init__(self, table: CostTable, budgets: Sequence[Budget], objectives: Sequence[str]) -> None:
        check_objectives(objectives, budgets, has_device=table.device is not None)
        self.table = table
        self.budgets = tuple(budgets)
        self.objectives = tuple(objectives)
        self.sampler = FeasibleSampler(table.space, self._violation)

    @property
    def space(self) -> Space:
        """The space that genomes belong to."""
        return self.table.space

    @property
    def n_objectives(self) -> int:
        """Columns of the objectives."""
        return len(self.objectives)

    def _violation(self, genomes: Genomes) -> NDArray[np.float64]:
        return self.violation(self.table.price(genomes), len(genomes))

    def violation(self, costs: Costs, n: int) -> NDArray[np.float64]:
        """(n,) sum of relative excesses over the budgets; 0 is feasible."""
        return (
            violation({b.cost: costs[b.cost] for b in self.budgets}, self.budgets)
            if self.budgets
            else np.zeros(n)
        )

    def sample_feasible(self, n: int, rng: np.random.Generator) -> Genomes:
        """At most ``n`` distinct canonical genomes within the budgets."""
        return self.sampler.sample(n, rng)

    def matrix(self, costs: Costs, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """Objectives (n, M), minimised; a row with a non-finite entry becomes nan throughout."""
        columns = [-quality if name == "quality" else costs[OBJECTIVES[name]] for name in self.objectives]
        matrix = np.stack(columns, axis=1)
        matrix[~np.isfinite(matrix).all(axis=1)] = np.nan
        return matrix
