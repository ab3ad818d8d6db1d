"""A small space is no search: all that is feasible in it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.problem import Batch, Problem
from vitnas.searching.rounds import State
from vitnas.searching.strategy import Strategy
from vitnas.space.activity import Genomes

POSITION = "listed"  # in a state, which tells it from that of a search


class Listing(Strategy):
    """Proposes every genome of a list once.

    Args:
        problem: what is searched.
        every: all feasible genomes (m, G).
    """

    takes_late = True

    def __init__(self, problem: Problem, every: Genomes) -> None:
        super().__init__(problem, 0)
        self._every = every
        self._position = 0

    def ask(self, n: int) -> Genomes:
        """The next ``n``."""
        start, self._position = self._position, self._position + n
        return self._every[start : self._position]

    def tell(self, batch: Batch) -> None:
        """Nothing to learn."""

    def state(self) -> State:
        """How far it is."""
        return {POSITION: np.array(self._position)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from there."""
        self._position = int(state[POSITION])
