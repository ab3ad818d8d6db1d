"""How feasible candidates get their quality: a batch is started, and is rated when that is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.space.activity import Genomes

if TYPE_CHECKING:
    from vitnas.cost.columns import Costs


class Rated(Protocol):
    """A batch of n candidates that was started."""

    @property
    def is_done(self) -> bool:
        """Whether all of it is rated."""
        ...

    @property
    def quality(self) -> NDArray[np.float64]:
        """(n,) higher is better, nan for a failure; once it is done."""
        ...

    @property
    def failures(self) -> Mapping[int, str]:
        """Row -> why it has no quality; once it is done."""
        ...


class Scorer(Protocol):
    """Rates candidates. How it cuts and orders them is the same for any number of workers.

    Attributes:
        batch: candidates asked for at once.
        lag: asks that may be open at once; above 1 only for strategies that take late results.
        is_expensive: every score is worth a durable line, and known ones are told again without being made
            again; otherwise scores are recomputed.
    """

    batch: int
    lag: int
    is_expensive: bool

    def start(self, genomes: Genomes, costs: Costs) -> Rated:
        """Begin to rate feasible canonical genomes (n, G) with their costs; does not wait for it."""
        ...

    def collect(self) -> None:
        """Wait until more of what was started is rated, and take that in."""
        ...

    def cancel(self) -> None:
        """Forget what was started and is not rated."""
        ...

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """Scores (n, K) that the quality of rated genomes combines, higher is better; None for one."""
        ...


@dataclass(frozen=True)
class Known:
    """Ratings that were there at once."""

    quality: NDArray[np.float64]
    failures: Mapping[int, str] = field(default_factory=dict)
    is_done: bool = True


class GenomeScorer:
    """Rates genomes by the million with a vectorised quality; keeps nothing."""

    is_expensive = False
    lag = 1

    def __init__(
        self,
        rate: Callable[[Genomes], NDArray[np.float64]],
        batch: int = 16384,
        members: Callable[[Genomes], NDArray[np.float64] | None] | None = None,
    ) -> None:
        self.rate = rate
        self.batch = batch
        self._members = members

    def start(self, genomes: Genomes, costs: Costs) -> Known:
        """Rate them."""
        return Known(self.rate(genomes))

    def collect(self) -> None:
        """Nothing is ever under way."""

    def cancel(self) -> None:
        """Nothing is ever under way."""

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """Scores (n, K) that the quality combines; None if it is one."""
        return self._members(genomes) if self._members is not None else None
