"""Random search: the control that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from vitnas.strategies import Batch, Genomes, State, Strategy, restore_rng, rng_state


class Random(Strategy):
    """Feasible genomes at random, each gene uniformly; learns nothing."""

    takes_late = True
    stream = 101

    def ask(self, n: int) -> Genomes:
        """Up to ``n`` feasible genomes."""
        return self.problem.sample_feasible(n, self.rng)

    def tell(self, batch: Batch) -> None:
        """Nothing to learn."""

    def state(self) -> State:
        """The generator's state."""
        return {"rng": rng_state(self.rng)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        restore_rng(self.rng, state["rng"])
