"""Vectorised changes of genomes: mutation and crossover of whole populations."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np

from vitnas.arch.operators import Scalar
from vitnas.space.activity import Genomes
from vitnas.space.space import Space


def is_ordered(choices: Sequence[Scalar]) -> bool:
    """Whether neighbouring choices are neighbours in what they mean: at least three growing numbers."""
    numbers = [c for c in choices if isinstance(c, int | float) and not isinstance(c, bool)]
    return len(numbers) == len(choices) >= 3 and all(a < b for a, b in itertools.pairwise(numbers))


class Moves:
    """Random changes that keep genomes inside a space; results are NOT canonical."""

    def __init__(self, space: Space) -> None:
        self.genes = len(space.genes)
        self._cardinalities = np.asarray(space.cardinalities, dtype=np.int64)
        self._open = np.flatnonzero(self._cardinalities > 1)
        self._ordered = np.array([is_ordered(gene.choices) for gene in space.genes], dtype=np.bool_)
        self._activity = space.activity
        self._after = [pair for pair in _followers(space) if pair[0] in space.activity.gated]

    def mutate(
        self, genomes: Genomes, rng: np.random.Generator, *, expected: float = 1.0, step_share: float = 0.5
    ) -> Genomes:
        """A copy of ``genomes`` (n, G) with genes changed at random.

        Args:
            genomes: not changed.
            rng: source of randomness.
            expected: mean number of changed genes a row; from 1 on, no row is left as it is.
            step_share: how often an ordered gene moves to a neighbouring choice; else it, like all other
                genes, takes any other choice. At 0, a change and its reverse are equally likely.
        """
        n = len(genomes)
        out = genomes.copy()
        if n == 0 or len(self._open) == 0:
            return out
        every = np.arange(n if expected >= 1 else 0)
        rows = np.concatenate([every, rng.integers(n, size=round(n * expected) - len(every))])
        genes = self._open[rng.integers(len(self._open), size=len(rows))]
        old, count = out[rows, genes].astype(np.int64), self._cardinalities[genes]
        draw = rng.random((2, len(rows)))
        new = (old + 1 + (draw[0] * (count - 1)).astype(np.int64)) % count
        if step_share > 0:
            step = old + np.where(draw[0] < 0.5, -1, 1)
            step = np.where(step < 0, 1, np.where(step >= count, count - 2, step))
            new = np.where(self._ordered[genes] & (draw[1] < step_share), step, new)
        out[rows, genes] = new
        return out

    def filled(self, genomes: Genomes) -> Genomes:
        """A copy of canonical genomes (n, G) whose absent blocks are like the block before them.

        Canonical genomes have the first choice there, so that a child with one block more than its
        parent would get the smallest one.
        """
        out, active = genomes.copy(), self._activity.active_genes(genomes)
        for gene, before in self._after:
            out[:, gene] = np.where(active[:, gene], out[:, gene], out[:, before])
        return out

    def cross(self, one: Genomes, other: Genomes, rng: np.random.Generator) -> Genomes:
        """Uniform crossover (n, G): each gene comes from ``one`` or ``other`` with equal chance."""
        coins = rng.integers(0, 256, size=(len(one), -(-self.genes // 8)), dtype=np.uint8)
        from_one = np.unpackbits(coins, axis=1, count=self.genes)
        return other ^ ((one ^ other) * from_one)  # forty times faster than np.where on bytes


def _followers(space: Space) -> list[tuple[int, int]]:
    """Genes of a repeated block with the gene of the block before: ``expansion[2]`` and ``expansion[1]``."""
    places = {gene.name: position for position, gene in enumerate(space.genes)}
    found = []
    for name, position in places.items():
        parts = re.fullmatch(r"(.*\[)(\d+)(\].*)", name)
        before = parts and places.get(f"{parts[1]}{int(parts[2]) - 1}{parts[3]}")
        if before is not None and len(space.genes[before].choices) == len(space.genes[position].choices):
            found.append((before, position))
    return [(position, before) for before, position in sorted(found)]
