"""Accuracy that published networks let one expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput
from vitnas.law.expectation import CLAIM, Expectation, relatives_of
from vitnas.quality.base import Details, FitContext, Quality, Record
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of


class ExpectedTop1(Quality):
    """ImageNet top-1 to expect with the family's recipe, by a law over published networks."""

    unit = "%"
    trials = 200_000

    def __init__(self, table: CostTable, expectation: Expectation) -> None:
        self.table, self.expectation = table, expectation
        relatives = expectation.relatives
        if relatives.family:
            note = f"relatives: {relatives.family}, {relatives.tag or 'no known recipe'}"
        else:
            note = f"no published relatives of '{table.space.name}' are known, so the interval is wide"
        self.notes = (note,)

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """By the family and the tag that the space's recipe names under ``published_as``."""
        sides, space = context.space.resolutions_px, context.space
        if len(sides) > 1:
            raise InvalidInput(
                f"`quality` 'expected_top1' needs one resolution, and '{space.name}' has {len(sides)}"
            )
        return cls(context.table, Expectation(relatives_of(recipe_of(space), space.name), sides[0]))

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Expected top-1 (n,) in per cent."""
        return self.expectation.mean(self.table.price(genomes).columns)

    def details(self, genomes: Genomes, records: Sequence[Record]) -> list[Details]:
        """Each expectation with its 90 % interval, and which counts no published relative has."""
        return [{self.name: entry} for entry in self.expectation.entries(self.table.price(genomes).columns)]

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """What may be claimed."""
        return " ".join([f"{name}: {CLAIM}", *(f"{note}." for note in notes)])
