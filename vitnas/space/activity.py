"""Which genes of a genome have an effect, and how many distinct genomes there are."""

from __future__ import annotations

import itertools
import math
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
        row = genome[None]
        return np.array(
            [g not in self.gated or self._active(row, g)[0] for g in range(len(genome))], np.bool_
        )

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
        gates = {g: self.controls(g) for g in self.gated}
        free = [g for g in range(len(self.cardinalities)) if g not in gates]
        controlling = set().union(*gates.values()) if gates else set()
        total = math.prod(self.cardinalities[g] for g in free if g not in controlling)
        for controls, members in _components(controlling, gates):
            total *= self._component_size(controls, members)
        return total

    def _component_size(self, controls: list[int], members: list[int]) -> int:
        """Sum over the controls' choices of the product of what is active under them."""
        total = 0
        for values in itertools.product(*(range(self.cardinalities[c]) for c in controls)):
            chosen = dict(zip(controls, values, strict=True))
            ways = 1
            for gene in members:
                if self._holds(gene, chosen):
                    ways *= self.cardinalities[gene]
            # an inactive control counts once, at choice 0
            if all(chosen[c] == 0 or c not in self.gated or self._holds(c, chosen) for c in controls):
                total += ways
        return total

    def _holds(self, gene: int, chosen: dict[int, int]) -> bool:
        return any(all(allowed[chosen[c]] for c, allowed in use) for use in self.gated[gene])


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


def _components(controlling: set[int], gates: dict[int, set[int]]) -> list[tuple[list[int], list[int]]]:
    """Groups of controlling genes that some gene depends on together, with what they control."""
    groups: list[set[int]] = [{c} for c in sorted(controlling)]
    for gene, controls in gates.items():
        linked = controls | ({gene} if gene in controlling else set())
        joined = [g for g in groups if g & linked]
        groups = [g for g in groups if not g & linked] + [set().union(*joined)]
    return [
        (sorted(group), sorted(g for g, c in gates.items() if c & group and g not in group))
        for group in groups
    ]
