"""Which genes of a genome have an effect, and how many distinct genomes there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.values import Gene, Use

Genomes = NDArray[np.uint8]  # (n, G)
_CHUNK = 8192  # rows that stay in the cache


@dataclass(frozen=True)
class _Run:
    """Neighbouring genes first..last that one gene controls; ``masks`` (choices, genes) is 0 or 1."""

    control: int
    first: int
    last: int
    masks: NDArray[np.uint8]


class Activity:
    """Masks inactive genes: the expansion of a block that the depth leaves out, for one."""

    def __init__(self, genes: Sequence[Gene], uses: Sequence[Sequence[Use]]) -> None:
        self.cardinalities = [len(gene.choices) for gene in genes]
        # a gene with one unconditional use is always active
        self.gated = {g: tuple(u) for g, u in enumerate(uses) if u and all(u)}
        order = sorted(self.gated, key=lambda g: (self._level(g, frozenset()), g))
        self._steps = _runs(order, self.gated)

    def controls(self, gene: int) -> set[int]:
        """Genes that decide whether ``gene`` is active."""
        return {control for use in self.gated.get(gene, ()) for control, _ in use}

    def _level(self, gene: int, below: frozenset[int]) -> int:
        inner = self.controls(gene) - below - {gene}
        return 1 + max((self._level(g, below | {gene}) for g in inner), default=0)

    def canonical(self, genomes: Genomes) -> Genomes:
        """``genomes`` (n, G) with inactive genes set to 0; a copy."""
        out = np.array(genomes, dtype=np.uint8, order="C")
        for step in self._steps:
            if isinstance(step, int):
                out[:, step] *= self._active(out, step)
            else:
                for start in range(0, len(out), _CHUNK):
                    rows = out[start : start + _CHUNK]
                    rows[:, step.first : step.last] *= step.masks.take(rows[:, step.control], axis=0)
        return out

    def active(self, genome: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether each gene (G,) of a canonical genome (G,) has an effect."""
        return np.asarray(self.active_genes(genome[None])[0])

    def active_genes(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Whether each gene (n, G) of canonical genomes (n, G) has an effect."""
        found = np.ones(genomes.shape, dtype=np.bool_)
        for gene in self.gated:
            found[:, gene] = self._active(genomes, gene)
        return found

    def _active(self, genomes: Genomes, gene: int) -> NDArray[np.bool_]:
        active: NDArray[np.bool_] | None = None
        for use in self.gated[gene]:
            holds: NDArray[np.bool_] | None = None
            for control, allowed in use:
                hit = np.asarray(allowed, dtype=np.bool_)[genomes[:, control]]
                holds = hit if holds is None else holds & hit
            assert holds is not None
            active = holds if active is None else active | holds
        assert active is not None
        return active

    def size(self) -> int:
        """Number of distinct canonical genomes, exactly."""
        return self._count(frozenset(range(len(self.cardinalities))), {})

    def _count(self, genes: frozenset[int], chosen: Mapping[int, int]) -> int:
        """Ways to set ``genes`` once others are chosen: independent groups multiply."""
        left = {g: self._left(g, chosen) for g in genes}
        total = 1
        for group in _groups(left):
            links = Counter(control for g in group for control in left[g][1])
            if not links:
                (gene,) = group
                total *= self.cardinalities[gene] if left[gene][0] else 1
                continue
            # the widest-reaching control that nothing else decides; fixing it takes the group apart
            pivot = max((g for g in links if not left[g][1]), key=lambda g: (links[g], -g))
            values = range(self.cardinalities[pivot]) if left[pivot][0] else range(1)
            rest = group - {pivot}
            total *= sum(self._count(rest, {**chosen, pivot: value}) for value in values)
        return total

    def _left(self, gene: int, chosen: Mapping[int, int]) -> tuple[bool, frozenset[int]]:
        """Whether the gene is active, and the genes that still decide it (then: whether it can be)."""
        controls: set[int] = set()
        possible = gene not in self.gated
        for use in self.gated.get(gene, ()):
            if all(allowed[chosen[c]] for c, allowed in use if c in chosen):
                open_controls = {c for c, _ in use if c not in chosen}
                if not open_controls:
                    return True, frozenset()
                possible, controls = True, controls | open_controls
        return possible, frozenset(controls)


def _groups(left: Mapping[int, tuple[bool, frozenset[int]]]) -> list[frozenset[int]]:
    """Genes that decide each other's activity, together."""
    groups: list[set[int]] = []
    for gene, (_, controls) in left.items():
        joined = {gene, *controls}
        apart = [g for g in groups if not g & joined]
        groups = [*apart, joined.union(*(g for g in groups if g & joined))]
    return [frozenset(group) for group in groups]


def _runs(order: Sequence[int], gated: Mapping[int, Sequence[Use]]) -> list[_Run | int]:
    """The genes in ``order``, neighbours under one control taken together: most of a space is such runs."""
    steps: list[_Run | int] = []
    for gene in order:
        use = gated[gene][0]
        if len(gated[gene]) > 1 or len(use) > 1:
            steps.append(gene)
            continue
        control, allowed = use[0]
        mask = np.array(allowed, np.uint8)[:, None]
        last = steps[-1] if steps else None
        if isinstance(last, _Run) and last.control == control and last.last == gene:
            steps[-1] = _Run(control, last.first, gene + 1, np.hstack([last.masks, mask]))
        else:
            steps.append(_Run(control, gene, gene + 1, mask))
    return steps
