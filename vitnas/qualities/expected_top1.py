"""Accuracy that published networks let one expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.columns import Costs
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput, InvalidSpace, unknown
from vitnas.law.model import Inputs, Relatives, shipped_law
from vitnas.law.published import shipped_networks
from vitnas.quality.base import Details, FitContext, Quality, Record
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of
from vitnas.space.space import Space

SCATTER = 0.3  # points by which shapes off a published series differ from those on it (a standard deviation)
LEVEL = 0.9
MARGIN = 1.25  # beyond the largest and below the smallest published network, as a factor
COUNTS = {"params": ("params_m", 1e6), "macs": ("gmacs", 1e9)}
OWN_KEY = "published_as"


class ExpectedTop1(Quality):
    """ImageNet top-1 to expect with the family's recipe, by a law over published networks."""

    unit = "%"
    trials = 200_000

    def __init__(self, table: CostTable, resolution_px: int, relatives: Relatives) -> None:
        self.table, self.resolution_px, self.relatives = table, resolution_px, relatives
        self.ranges = _ranges(relatives.family)
        self.notes = _notes(table.space, relatives)

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """By the family and the tag that the space's recipe names under ``published_as``."""
        sides = context.space.resolutions_px
        if len(sides) > 1:
            raise InvalidInput(
                f"`quality` 'expected_top1' needs one resolution, and '{context.space.name}' has {len(sides)}"
            )
        return cls(context.table, sides[0], relatives_of(context.space))

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Expected top-1 (n,) in per cent."""
        return shipped_law().mean(self._inputs(self.table.price(genomes)))

    def details(self, genomes: Genomes, records: Sequence[Record]) -> list[Details]:
        """Each expectation with its 90 % interval, and which counts no published relative has."""
        costs = self.table.price(genomes)
        found = shipped_law().expect(self._inputs(costs), scatter=SCATTER)
        rows = zip(found.top1.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
        return [
            {
                self.name: {
                    "value": v,
                    "low": a,
                    "high": b,
                    "level": LEVEL,
                    "out_of_range": self._outside(costs, k),
                }
            }
            for k, (v, a, b) in enumerate(rows)
        ]

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """What may be claimed."""
        claim = (
            f"{name}: ImageNet top-1 with this family's recipe, by a law over published networks. Another "
            "recipe is another number; differences below the interval are no claims."
        )
        return " ".join([claim, *(f"{note}." for note in notes)])

    def _inputs(self, costs: Costs) -> Inputs:
        params, macs, activations = (
            np.asarray(costs[name], np.float64) for name in ("params", "macs", "activations")
        )
        return Inputs.of_candidates(params, macs, activations, self.resolution_px, self.relatives)

    def _outside(self, costs: Costs, row: int) -> list[str]:
        found = []
        for name, (low, high) in self.ranges.items():
            value = float(costs[name][row])
            if not low / MARGIN <= value <= high * MARGIN:
                found.append(f"{name} {value:.3g} is outside the published {low:.3g} to {high:.3g}: no claim")
        return found


def relatives_of(space: Space) -> Relatives:
    """The published relatives that a space's recipe names.

    Raises:
        InvalidSpace: it names a family that the law does not know.
    """
    named: Any = recipe_of(space).get(OWN_KEY) or {}
    if not isinstance(named, dict) or set(named) - {"family", "tag"}:
        raise InvalidSpace(f"{space.name}: recipe.{OWN_KEY}: expected a mapping with family and tag")
    families = sorted({r.family for r in shipped_networks()})
    family = str(named.get("family", ""))
    if family and family not in families:
        raise unknown("family", family, families, where=f"{space.name}: recipe.{OWN_KEY}.family")
    return Relatives(family, str(named.get("tag", "")))


def _ranges(family: str) -> dict[str, tuple[float, float]]:
    """Smallest and largest counts of a family's published networks; none where it has none."""
    own = [r for r in shipped_networks() if r.family == family]
    return {
        name: (min(getattr(r, key) for r in own) * unit, max(getattr(r, key) for r in own) * unit)
        for name, (key, unit) in COUNTS.items()
        if own
    }


def _notes(space: Space, relatives: Relatives) -> tuple[str, ...]:
    if relatives.family:
        return (f"relatives: {relatives.family}, {relatives.tag or 'no known recipe'}",)
    return (f"no published relatives of '{space.name}' are known, so the interval is wide",)
