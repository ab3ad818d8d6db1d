"""What a strategy is, and the few lines that all of ours share.

A strategy is one file with one class. The loop calls ``ask``, prices what comes back, scores what is new
and within the budgets, and calls ``tell`` with all of it, in order. Everything a strategy does follows
from its problem, its seed and what it was told, so that a resumed run proposes what an uninterrupted one
would have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.problem import Batch, Problem
from vitnas.space.activity import Genomes

State = dict[str, NDArray[Any]]


class Strategy(Protocol):
    """Proposes genomes and learns from what became of them."""

    def __init__(self, problem: Problem, seed: int, *, population: int | None = None) -> None: ...

    def ask(self, n: int) -> Genomes:
        """Up to ``n`` canonical genomes (<= n, G); they may repeat or exceed the budgets.

        Raises:
            NothingFeasible: no genome meets the budgets.
        """
        ...

    def tell(self, batch: Batch) -> None:
        """Learn from all rows of an ask, in its order.

        That is the last ask, unless the class says ``takes_late_results = True``: then others may follow
        before it is told, which keeps workers busy; asks are told in order (not so with ``--unordered``).

        Objectives are nan where the violation is above 0, and where scoring failed (violation 0).
        """
        ...

    def state(self) -> State | None:
        """Arrays from which ``restore`` goes on exactly; None if only telling everything again does."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what ``state`` gave."""
        ...


def failed(batch: Batch) -> NDArray[np.bool_]:
    """Which rows (n,) are within the budgets but could not be scored."""
    unknown = np.isnan(batch.objectives).any(axis=1)
    return np.asarray(unknown & (batch.violation == 0))


def rng_state(rng: np.random.Generator) -> NDArray[Any]:
    """A generator's state as an array that ``np.savez`` keeps without pickling."""
    return np.array(json.dumps(rng.bit_generator.state))


def restore_rng(rng: np.random.Generator, state: NDArray[Any]) -> None:
    """Put a generator into the state that ``rng_state`` gave."""
    rng.bit_generator.state = json.loads(str(state))
