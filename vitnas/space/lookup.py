"""Sums and maxima over slots for whole populations, by indexing arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.space.activity import Genomes

CHUNK = 8192  # rows whose columns and sums stay in the cache
FUSED_ENTRIES = 4096  # tables are joined as long as they stay this small


@dataclass(frozen=True)
class Column:
    """Figures of one slot: ``values`` (entries, figures), one entry for each combination of ``genes``."""

    genes: tuple[int, ...]
    shape: tuple[int, ...]
    values: NDArray[np.float64]

    def spread(self, genes: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """``values`` laid out over more genes."""
        dims = [n if g in self.genes else 1 for g, n in zip(genes, shape, strict=True)]
        figures = self.values.shape[1]
        grid = self.values.reshape(*dims, figures)
        return np.broadcast_to(grid, (*shape, figures)).reshape(-1, figures)


class Lookup:
    """Adds up the first figures of all columns, and takes the maximum of the others.

    Args:
        columns: one for each slot; genes are sorted.
        sums: how many of the figures are added; the rest are maxima.
    """

    def __init__(self, columns: Sequence[Column], sums: int) -> None:
        self.columns = list(columns)
        self.sums = sums
        self.figures = columns[0].values.shape[1]
        self._fused = [self._compiled(column) for column in _fuse(columns, sums)]

    def _compiled(
        self, column: Column
    ) -> tuple[list[tuple[int, int]], NDArray[np.float64], NDArray[np.float64]]:
        strides = [math.prod(column.shape[k + 1 :]) for k in range(len(column.shape))]
        added = np.ascontiguousarray(column.values[:, : self.sums])
        maxima = np.ascontiguousarray(column.values[:, self.sums :])
        return list(zip(column.genes, strides, strict=True)), added, maxima

    def __call__(self, genomes: Genomes) -> NDArray[np.float64]:
        """Figures (n, figures) of canonical genomes (n, G)."""
        out = np.empty((len(genomes), self.figures))
        for start in range(0, len(genomes), CHUNK):
            self._chunk(genomes[start : start + CHUNK], out[start : start + CHUNK])
        return out

    def _chunk(self, genomes: Genomes, out: NDArray[np.float64]) -> None:
        columns = np.ascontiguousarray(genomes.T).astype(np.intp)
        added = np.zeros((len(genomes), self.sums))
        maxima = np.zeros((len(genomes), self.figures - self.sums))
        for strides, sums, tops in self._fused:
            if not strides:
                added += sums[0]
                np.maximum(maxima, tops[0], out=maxima)
                continue
            index = _index(columns, strides)
            added += sums.take(index, axis=0)
            if maxima.shape[1]:
                np.maximum(maxima, tops.take(index, axis=0), out=maxima)
        out[:, : self.sums] = added
        out[:, self.sums :] = maxima


def _index(columns: NDArray[np.intp], strides: Sequence[tuple[int, int]]) -> NDArray[np.intp]:
    (gene, stride), *rest = strides
    index: NDArray[np.intp] = columns[gene] * stride
    for gene, stride in rest:
        index += columns[gene] * stride if stride != 1 else columns[gene]
    return index


def _fuse(columns: Sequence[Column], sums: int) -> list[Column]:
    """Join columns that share genes into larger ones: fewer look-ups for the same figures."""
    fused: list[Column] = []
    for column in sorted(columns, key=lambda c: c.genes):
        best: tuple[int, int] | None = None
        for position, other in enumerate(fused):
            genes = _union(column, other)
            entries = math.prod(n for _, n in genes)
            small = entries <= max(FUSED_ENTRIES, len(column.values), len(other.values))
            if small and (best is None or entries < best[0]):
                best = (entries, position)
        if best is None:
            fused.append(column)
        else:
            fused[best[1]] = _joined(column, fused[best[1]], sums)
    return fused


def _union(a: Column, b: Column) -> list[tuple[int, int]]:
    return sorted({*zip(a.genes, a.shape, strict=True), *zip(b.genes, b.shape, strict=True)})


def _joined(a: Column, b: Column, sums: int) -> Column:
    union = _union(a, b)
    genes, shape = tuple(g for g, _ in union), tuple(n for _, n in union)
    left, right = a.spread(genes, shape), b.spread(genes, shape)
    values = np.concatenate(
        [left[:, :sums] + right[:, :sums], np.maximum(left[:, sums:], right[:, sums:])], axis=1
    )
    return Column(genes, shape, values)
