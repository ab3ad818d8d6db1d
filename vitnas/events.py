"""What running work tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Snapshot:
    """A moment of the loop.

    Attributes:
        trials: distinct feasible candidates scored; ``target_trials`` of them are wanted.
        seconds: since this process began the loop.
        rate: trials a second in this process.
        objectives: names, in the order of the columns of ``front``.
        front: (k, M) in natural units and signs (quality up, costs down).
        hypervolume: share of the box between the pool's best and worst values that the front dominates.
        random_hypervolume: the same for random search after as many trials; None without that arm.
        published: the space's published networks: name, and values like a row of ``front``.
    """

    trials: int
    target_trials: int
    seconds: float
    rate: float
    objectives: tuple[str, ...]
    front: NDArray[np.float64]
    hypervolume: float
    random_hypervolume: float | None = None
    published: tuple[tuple[str, tuple[float, ...]], ...] = ()


class Listener(Protocol):
    """Watches a search; every method may be called often."""

    def stage(self, name: str, detail: str = "") -> None:
        """A new stage begins."""
        ...

    def count(self, done: int, total: int | None = None) -> None:
        """Progress inside a stage that is not the loop: blocks traced, networks checked."""
        ...

    def snapshot(self, snapshot: Snapshot) -> None:
        """The loop has come this far."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know; a mirror says it from a thread of its own."""
        ...


class Silent:
    """A listener that does nothing."""

    def stage(self, name: str, detail: str = "") -> None:
        """Ignore."""

    def count(self, done: int, total: int | None = None) -> None:
        """Ignore."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """Ignore."""

    def warn(self, text: str) -> None:
        """Ignore."""
