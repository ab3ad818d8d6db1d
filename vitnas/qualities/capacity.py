"""The default quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitnas.quality.base import FitContext, Quality
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.space.activity import Genomes


class Capacity(Quality):
    """Parameter count with diminishing returns (the default)."""

    def __init__(self, formula: CapacityFormula) -> None:
        self.formula = formula
        self.notes = formula.notes

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """References, ranges and weights are those of the pool."""
        return cls(CapacityFormula.fit(context.space, context.table, context.pool))

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """See `CapacityFormula.score`."""
        return self.formula.score(genomes)

    def state(self) -> dict[str, Any]:
        """The formula's constants."""
        return self.formula.state()

    @classmethod
    def from_state(cls, context: FitContext, state: Mapping[str, Any]) -> Self:
        """With the constants that were kept."""
        return cls(CapacityFormula.from_state(context.space, state))

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """What the scores rest on."""
        return super().caption(f"{name}, from shapes alone", notes)
