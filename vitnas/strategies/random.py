"""Random search: the control that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.problem import Batch, Problem
from vitnas.space.activity import Genomes
from vitnas.strategies._base import State, restore_rng, rng_state


class Random:
    """Feasible genomes at random, each gene uniformly; learns nothing."""

    takes_late_results = True

    def __init__(self, problem: Problem, seed: int, *, population: int | None = None) -> None:
        self._problem = problem
        self._rng = np.random.default_rng([seed, 101])

    def ask(self, n: int) -> Genomes:
        """Up to ``n`` feasible genomes."""
        return self._problem.sample_feasible(n, self._rng)

    def tell(self, batch: Batch) -> None:
        """Nothing to learn."""

    def state(self) -> State:
        """The generator's state."""
        return {"rng": rng_state(self._rng)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        restore_rng(self._rng, state["rng"])
