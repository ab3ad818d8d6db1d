"""What the counts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.quality.base import FitContext, Quality
from vitnas.space.activity import Genomes


class Count(Quality):
    """A count taken as the quality: it means the same everywhere, so nothing is fitted or kept.

    Attributes:
        cost: the figure that is counted, by its name in the cost table.
    """

    cost: ClassVar[str]
    notes = ("a count, not a score: the more, the better",)

    def __init__(self, table: CostTable) -> None:
        self.table = table

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """Counts by the run's cost table."""
        return cls(context.table)

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """The count (n,) of canonical genomes (n, G)."""
        return self.table.price(genomes)[self.cost]

    def unseen(self, context: FitContext) -> tuple[str, ...]:
        """None: what a count does not count goes without saying."""
        return ()

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """That it is a count."""
        return f"{name}, a count."
