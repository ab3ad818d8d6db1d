"""How good a front is, beside random search: hypervolume in the box of the pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.pareto import hypervolume


@dataclass(frozen=True)
class Box:
    """Best and worst value of every objective over the run's pool; saved, so that its meaning stays.

    The hypervolume of a front is its share of this box; a front beyond the pool's best can pass 1.
    """

    best: tuple[float, ...]
    worst: tuple[float, ...]

    @classmethod
    def of(cls, objectives: NDArray[np.float64]) -> Box:
        """The box around objectives (n, M), minimised; nan rows are left out."""
        rows = objectives[np.isfinite(objectives).all(axis=1)]
        if not len(rows):
            return cls((0.0,) * objectives.shape[1], (1.0,) * objectives.shape[1])
        return cls(tuple(rows.min(axis=0).tolist()), tuple(rows.max(axis=0).tolist()))

    def hypervolume(self, objectives: NDArray[np.float64]) -> float:
        """Share of the box that a front (k, M) dominates."""
        if not len(objectives):
            return 0.0
        best, worst = np.array(self.best), np.array(self.worst)
        extent = np.where(worst > best, worst - best, 1.0)
        scaled = (objectives - best) / extent
        return float(hypervolume(scaled, np.ones(scaled.shape[1])))
