"""How a batch of feasible candidates gets its quality."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.space.activity import Genomes


class Scorer(Protocol):
    """Rates candidates; nan is a failure that has been recorded."""

    batch: int  # candidates asked for at once; the same for any number of workers
    is_dear: bool  # every score is worth a durable line; otherwise scores are recomputed

    def score(self, genomes: Genomes, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Quality (n,) of feasible canonical genomes (n, G), higher is better."""
        ...

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """Scores (n, K) that the quality of genomes just scored combines, higher is better; None for one."""
        ...


class GenomeScorer:
    """Rates genomes by the million with a vectorised quality; keeps nothing."""

    is_dear = False

    def __init__(
        self,
        rate: Callable[[Genomes], NDArray[np.float64]],
        batch: int = 16384,
        members: Callable[[Genomes], NDArray[np.float64]] | None = None,
    ) -> None:
        self.rate = rate
        self.batch = batch
        self._members = members

    def score(self, genomes: Genomes, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Quality (n,)."""
        return self.rate(genomes)

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """Scores (n, K) that the quality combines; None if it is one."""
        return self._members(genomes) if self._members is not None else None
