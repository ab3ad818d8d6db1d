"""What accuracy is expected of the networks of one space, or of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidSpace, unknown
from vitnas.formats.resolution import Resolution, square_side
from vitnas.law.model import Expected, Inputs, Relatives, shipped_law
from vitnas.law.published import shipped_networks

NAME = "expected_top1"
OWN_KEY = "published_as"
CLASSES = 1000  # of ImageNet: the law knows no other data
SCATTER = 0.3  # points by which shapes off a published series differ from those on it (a standard deviation)
LEVEL = 0.9
MARGIN = 1.25  # beyond the largest and below the smallest published network, as a factor
DIGITS = 3  # of points that are written down
SHORT_CLAIM = "with this family's recipe, by a law over published networks"
CLAIM = (
    f"ImageNet top-1 {SHORT_CLAIM} (± is half of a 90 % interval). Another recipe is another number; "
    "differences below the interval are no claims."
)
COUNTS = {"params": ("params_m", 1e6), "macs": ("gmacs", 1e9)}

Costs = Mapping[str, Any]  # params, macs and activations, each (n,)


@dataclass(frozen=True)
class Expectation:
    """ImageNet top-1 to expect of networks, by their counts.

    Attributes:
        relatives: published networks that they are like.
        resolution_px: of their images.
    """

    relatives: Relatives
    resolution_px: Resolution

    def mean(self, costs: Costs) -> NDArray[np.float64]:
        """Expected top-1 (n,) in per cent."""
        return shipped_law().mean(self._inputs(costs))

    def entries(self, costs: Costs) -> list[dict[str, Any]]:
        """Each network's value with its 90 % interval, and which counts no published relative has."""
        found: Expected = shipped_law().expect(self._inputs(costs), scatter=SCATTER)
        ranges = _ranges(self.relatives.family)
        columns = [np.round(c, DIGITS).tolist() for c in (found.top1, found.low, found.high)]
        return [
            {"value": v, "low": a, "high": b, "level": LEVEL, "out_of_range": _outside(ranges, costs, k)}
            for k, (v, a, b) in enumerate(zip(*columns, strict=True))
        ]

    def _inputs(self, costs: Costs) -> Inputs:
        params, macs, activations = (
            np.asarray(costs[name], np.float64) for name in ("params", "macs", "activations")
        )
        side = square_side(self.resolution_px)
        return Inputs.of_candidates(params, macs, activations, side, self.relatives)


def expected_of(
    architecture: Architecture, recipe: Mapping[str, Any], costs: Mapping[str, float | int | None]
) -> dict[str, Any]:
    """What is expected of one network, under the quality's name.

    Nothing where no claim can be made: the recipe names no relatives, or the classes are not ImageNet's.

    Raises:
        InvalidSpace: the recipe names a family that the law does not know.
    """
    relatives = relatives_of(recipe, architecture.name)
    if not relatives.family or architecture.classes != CLASSES:
        return {}
    found = Expectation(relatives, architecture.resolution_px)
    return {NAME: found.entries({name: [value] for name, value in costs.items()})[0]}


def relatives_of(recipe: Mapping[str, Any], where: str) -> Relatives:
    """The published relatives that a recipe names; none where it names none.

    Args:
        recipe: of a space or network.
        where: begins the error.

    Raises:
        InvalidSpace: it names a family that the law does not know.
    """
    named: Any = recipe.get(OWN_KEY) or {}
    if not isinstance(named, dict) or set(named) - {"family", "tag"}:
        raise InvalidSpace(f"{where}: recipe.{OWN_KEY}: expected a mapping with family and tag")
    families = sorted({r.family for r in shipped_networks()})
    family = str(named.get("family", ""))
    if family and family not in families:
        raise unknown("family", family, families, where=f"{where}: recipe.{OWN_KEY}.family")
    return Relatives(family, str(named.get("tag", "")))


def _ranges(family: str) -> dict[str, tuple[float, float]]:
    """Smallest and largest counts of a family's published networks; none where it has none."""
    own = [r for r in shipped_networks() if r.family == family]
    return {
        name: (min(getattr(r, key) for r in own) * unit, max(getattr(r, key) for r in own) * unit)
        for name, (key, unit) in COUNTS.items()
        if own
    }


def _outside(ranges: Mapping[str, tuple[float, float]], costs: Costs, row: int) -> list[str]:
    found = []
    for name, (low, high) in ranges.items():
        value = float(costs[name][row])
        if not low / MARGIN <= value <= high * MARGIN:
            found.append(f"{name} {value:.3g} is outside the published {low:.3g} to {high:.3g}: no claim")
    return found
