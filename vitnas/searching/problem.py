"""What is searched: a space, its costs, the budgets and the objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.budget import Budget, violation
from vitnas.searching.feasible import FeasibleSampler
from vitnas.searching.objectives import QUALITY, cost_of, is_maximised
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

if TYPE_CHECKING:  # it loads torch, which strategies do without
    from vitnas.cost.columns import Costs
    from vitnas.cost.table import CostTable

ROUNDING = 1e-7  # relative: older runs kept times before they were rounded


@dataclass(frozen=True)
class Batch:
    """Told candidates; rows line up.

    Attributes:
        genomes: (n, G) canonical.
        objectives: (n, M), all minimised (quality and throughput enter negated); nan where infeasible or
            failed.
        violation: (n,) 0 within all budgets, else the sum of relative excesses.
        parts: (n, K) all that is maximised: the members of a combined quality in its place, costs negated;
            only for a strategy that ``learns_parts``, and None where quality has no members.
    """

    genomes: Genomes
    objectives: NDArray[np.float64]
    violation: NDArray[np.float64]
    parts: NDArray[np.float64] | None = None


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

    def feasible(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Whether canonical genomes (n, G) are within the budgets."""
        ...


class SearchProblem:
    """The problem of one run.

    Args:
        table: prices genomes.
        budgets: limits on costs.
        objectives: as `objectives.resolve_objectives` gives them.
    """

    def __init__(self, table: CostTable, budgets: Sequence[Budget], objectives: Sequence[str]) -> None:
        self.table = table
        self.budgets = tuple(budgets)
        self.objectives = tuple(objectives)
        self.signs = np.array([-1.0 if is_maximised(name) else 1.0 for name in objectives])
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

    def feasible(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Whether canonical genomes (n, G) are within the budgets."""
        return np.asarray(self._violation(genomes) == 0)

    def matrix(self, costs: Costs, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """Objectives (n, M), minimised; a row with a non-finite entry becomes nan throughout."""
        columns = [quality if name == QUALITY else costs[cost_of(name)] for name in self.objectives]
        matrix: NDArray[np.float64] = np.stack(columns, axis=1) * self.signs
        matrix[~np.isfinite(matrix).all(axis=1)] = np.nan
        return matrix

    def has_priced(self, genomes: Genomes, objectives: NDArray[np.float64]) -> bool:
        """Whether the costs in objectives (n, M) that were kept are those of genomes (n, G) today."""
        costs = self.table.price(genomes)
        return all(
            np.allclose(costs[cost_of(name)] * self.signs[k], objectives[:, k], rtol=ROUNDING, atol=0)
            for k, name in enumerate(self.objectives)
            if name != QUALITY
        )

    def parts(self, objectives: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
        """Objectives (n, M) negated, the quality replaced by its oriented members (n, k): (n, M - 1 + k)."""
        columns = [
            members if name == QUALITY else -objectives[:, [k]] for k, name in enumerate(self.objectives)
        ]
        return np.concatenate(columns, axis=1)

    def natural(self, objectives: NDArray[np.float64]) -> NDArray[np.float64]:
        """Objectives (n, M) in their natural signs: quality and throughput up, the others down."""
        return np.asarray(objectives * self.signs)
