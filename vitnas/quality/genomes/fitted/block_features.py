"""Features of a genome in groups, for a linear model whose score is again a sum of table entries.

Everything rests on B base features: the atoms of ``block_figures``, the parts of ``capacity`` (one for each
resource) and the products of two resources. A group is a linear map of them, so a model over the groups is
one weight for each base feature, whatever smoothness the groups were given.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData
from vitnas.quality.genomes.fitted.block_figures import (
    ATTENTION,
    EXPANSIONS,
    GENES,
    LEVELS,
    OTHER,
    SHAPE,
    Atom,
    list_atoms,
)
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Column, Lookup
from vitnas.space.space import Space

Array = NDArray[np.float64]
SMOOTHNESS = 0.2  # of a stage's blocks: over so many neighbours a block's effect changes slowly
BLOCK_KINDS = (EXPANSIONS, ATTENTION, OTHER)
CAPACITY, TERMS, INTERACTIONS = "capacity", "terms", "interactions"


@dataclasses.dataclass(frozen=True)
class Scales:
    """What makes base features comparable: mean and deviation of each, over reference genomes."""

    atoms: tuple[tuple[float, float], ...]
    parts: tuple[float, ...]
    capacity: float  # deviation of the whole score
    resources: tuple[tuple[float, float], ...]
    groups: Mapping[str, float]  # root mean square of each group's rows


class FittedFeatures:
    """The features of a space.

    Args:
        space: the space.
        capacity: its prior.
        reference: canonical genomes (m, G) that scales are taken from.
        scales: those of a saved model, in place of ``reference``.
    """

    def __init__(
        self,
        space: Space,
        capacity: CapacityFormula,
        reference: Genomes | None = None,
        scales: Scales | None = None,
    ) -> None:
        self.space = space
        self.capacity = capacity
        self.atoms = list_atoms(space)
        self._pairs = list(itertools.combinations(range(len(capacity.resources)), 2))
        if scales is None:
            assert reference is not None and len(reference)
            scales = self._measured(reference)
        self.scales = scales
        if (len(scales.atoms), len(scales.parts)) != (len(self.atoms), len(capacity.terms)):
            raise InvalidData(f"the saved quality has features that space '{space.name}' does not have")
        maps = self._maps()
        if not scales.groups:
            assert reference is not None
            base = self.base(reference)
            norms = {name: _root_mean_square(base @ m) for name, m in maps.items()}
            self.scales = dataclasses.replace(scales, groups=norms)
        self.maps = {
            name: m / self.scales.groups[name] for name, m in maps.items() if self.scales.groups[name] > 1e-9
        }

    @property
    def names(self) -> list[str]:
        """Groups that have features."""
        return list(self.maps)

    def base(self, genomes: Genomes) -> Array:
        """Base features (n, B) of canonical genomes (n, G)."""
        columns = [
            np.nan_to_num((atom.values(genomes) - centre) / scale)
            for atom, (centre, scale) in zip(self.atoms, self.scales.atoms, strict=True)
        ]
        parts = [
            (part - centre) / self.scales.capacity
            for part, centre in zip(self._parts(genomes), self.scales.parts, strict=True)
        ]
        z = self._standardised(genomes)
        products = [z[:, a] * z[:, b] for a, b in self._pairs]
        everything = [*columns, *parts, *products]
        return np.stack(everything, axis=1) if everything else np.zeros((len(genomes), 0))

    def blocks(self, genomes: Genomes) -> list[Array]:
        """Features of each group, (n, p_g), in the order of ``names``."""
        base = self.base(genomes)
        return [base @ m for m in self.maps.values()]

    def combined(self, weights: Sequence[Array]) -> Array:
        """One weight (B,) for each base feature, from those of the groups."""
        parts = [m @ w for m, w in zip(self.maps.values(), weights, strict=True)]
        return np.asarray(np.sum(parts, axis=0), np.float64)

    def compiled(self, weights: Array, constant: float) -> Callable[[Genomes], Array]:
        """The weighted sum of the base features plus a constant, as look-ups for whole populations.

        Args:
            weights: (B,).
            constant: added.
        """
        a, r = len(self.atoms), len(self.scales.parts)
        columns = [Column((), (), np.array([[constant]]))]
        for atom, (centre, scale), weight in zip(self.atoms, self.scales.atoms, weights, strict=False):
            values = weight * np.nan_to_num((atom.column.values - centre) / scale)
            columns.append(Column(atom.column.genes, atom.column.shape, values))
        lookup = Lookup(columns, sums=1)
        parts = weights[a : a + r] / self.scales.capacity
        offset = float(parts @ np.array(self.scales.parts)) if r else 0.0
        terms = [
            dataclasses.replace(t, weight=t.weight * float(w))
            for t, w in zip(self.capacity.terms, parts, strict=True)
        ]
        reweighted = self.capacity.reweighted(terms)
        quadratic = np.zeros((r, r))
        for (i, j), weight in zip(self._pairs, weights[a + r :], strict=True):
            quadratic[i, j] = weight

        def score(genomes: Genomes) -> Array:
            total = lookup(genomes)[:, 0]
            if r:
                total += reweighted.score(genomes) - offset
            if quadratic.any():
                z = self._standardised(genomes)
                total += np.einsum("ni,ni->n", z @ quadratic, z)
            return total

        return score

    def _parts(self, genomes: Genomes) -> list[Array]:
        terms = zip(self.capacity.resources, self.capacity.terms, strict=True)
        return [self.capacity.part(term, resource.values(genomes)) for resource, term in terms]

    def _standardised(self, genomes: Genomes) -> Array:
        """Amounts of the resources, (n, R)."""
        z = np.empty((len(genomes), len(self.capacity.resources)))
        resources = zip(self.capacity.resources, self.scales.resources, strict=True)
        for k, (resource, (centre, scale)) in enumerate(resources):
            z[:, k] = (resource.values(genomes) - centre) / scale
        return z

    def _measured(self, reference: Genomes) -> Scales:
        values = [atom.values(reference) for atom in self.atoms]
        shared: dict[tuple[str, str, int], list[Array]] = {}
        for atom, own in zip(self.atoms, values, strict=True):
            shared.setdefault((atom.kind, atom.figure, atom.stage), []).append(own)
        pooled = {
            key: _moments(np.concatenate(own), scaled=key[0] not in (LEVELS, GENES))
            for key, own in shared.items()
        }
        parts = self._parts(reference)
        total = np.sum(parts, axis=0) if parts else np.zeros(len(reference))
        return Scales(
            atoms=tuple(pooled[(atom.kind, atom.figure, atom.stage)] for atom in self.atoms),
            parts=tuple(float(part.mean()) for part in parts),
            capacity=_moments(total)[1],
            resources=tuple(_moments(r.values(reference)) for r in self.capacity.resources),
            groups={},
        )

    def _maps(self) -> dict[str, Array]:
        """From base features to each group's, (B, p_g)."""
        a, r = len(self.atoms), len(self.scales.parts)
        size = a + r + len(self._pairs)
        identity = np.eye(size)
        maps = {
            CAPACITY: identity[:, a : a + r].sum(axis=1, keepdims=True),
            TERMS: identity[:, a : a + r],
            INTERACTIONS: identity[:, a + r :],
        }
        for kind in (SHAPE, LEVELS, GENES):
            maps[kind] = identity[:, [k for k, atom in enumerate(self.atoms) if atom.kind == kind]]
        for kind in BLOCK_KINDS:
            runs = _runs(self.atoms, kind)
            maps[f"{kind} mean"] = _stacked(
                [identity[:, run].sum(axis=1, keepdims=True) for run in runs], size
            )
            maps[f"{kind} smooth"] = _stacked([identity[:, run] @ _smooth(len(run)) for run in runs], size)
            maps[f"{kind} each"] = _stacked([identity[:, run] for run in runs], size)
        return maps

    def state(self) -> dict[str, Any]:
        """The scales, as JSON."""
        return {**dataclasses.asdict(self.scales), "groups": dict(self.scales.groups)}

    @classmethod
    def from_state(cls, space: Space, capacity: CapacityFormula, state: Mapping[str, Any]) -> FittedFeatures:
        """The features whose ``state`` it is.

        Raises:
            InvalidData: they are not those of the space.
        """
        scales = Scales(
            atoms=tuple((float(c), float(s)) for c, s in state["atoms"]),
            parts=tuple(float(c) for c in state["parts"]),
            capacity=float(state["capacity"]),
            resources=tuple((float(c), float(s)) for c, s in state["resources"]),
            groups={str(k): float(v) for k, v in state["groups"].items()},
        )
        return cls(space, capacity, scales=scales)


def _runs(atoms: Sequence[Atom], kind: str) -> list[list[int]]:
    """Positions of the atoms of each figure and stage, in the order of the blocks."""
    runs: dict[tuple[str, int], list[int]] = {}
    for k, atom in enumerate(atoms):
        if atom.kind == kind:
            runs.setdefault((atom.figure, atom.stage), []).append(k)
    return list(runs.values())


def _smooth(blocks: int) -> Array:
    """A root (blocks, blocks) of a Gaussian kernel over the numbers of the blocks."""
    number = np.arange(blocks) / max(SMOOTHNESS * blocks, 1.0)
    values, vectors = np.linalg.eigh(np.exp(-0.5 * (number[:, None] - number) ** 2))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _stacked(maps: Sequence[Array], size: int) -> Array:
    return np.concatenate(maps, axis=1) if maps else np.zeros((size, 0))


def _moments(values: Array, *, scaled: bool = True) -> tuple[float, float]:
    """Mean and deviation without nan; a deviation of 1 where nothing varies, and for indicators."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0
    mean, deviation = float(known.mean()), float(known.std())
    return mean, deviation if scaled and deviation > 1e-9 * max(abs(mean), 1.0) else 1.0


def _root_mean_square(rows: Array) -> float:
    return float(np.sqrt(np.mean(np.sum(rows**2, axis=1)))) if rows.size else 0.0
