"""Predictions from labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidInput
from vitnas.quality.base import Details, FitContext, Quality, Record
from vitnas.quality.genomes.fitted.model import FittedModel
from vitnas.space.activity import Genomes


class Fitted(Quality):
    """Predicted from architectures with known accuracies (--labels)."""

    needs = ("labels",)

    def __init__(self, model: FittedModel) -> None:
        self.model = model
        self.notes = model.notes

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """Learn from the run's labels."""
        if context.labels is None:
            raise InvalidInput(f"quality '{context.name}' needs `labels`")
        return cls(FittedModel.fit(context.space, context.table, context.pool, context.labels))

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Predicted labels (n,) of canonical genomes (n, G), in their own unit."""
        return self.model.score(genomes)

    def details(self, genomes: Genomes, records: Sequence[Record]) -> list[Details]:
        """Each prediction with its interval, and why it is a guess."""
        return [{self.name: own} for own in self.model.details(genomes)]

    def state(self) -> dict[str, Any]:
        """The labels, and what was learned from them."""
        return self.model.state()

    @classmethod
    def from_state(cls, context: FitContext, state: Mapping[str, Any]) -> Self:
        """What was learned before."""
        return cls(FittedModel.from_state(context.space, state))

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """From what was predicted, and how well."""
        return f"predicted, {'; '.join(notes)}."
