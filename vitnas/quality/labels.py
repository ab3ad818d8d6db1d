"""Architectures with a known figure of merit, such as an accuracy: what a fitted quality learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

LEAST = 10  # fewer labels than this fit nothing


@dataclass(frozen=True)
class Labels:
    """Distinct architectures of one space and a figure of each, of which more is better.

    Attributes:
        name: of the figure, such as ``imagenet_top1``.
        source: where it was read, for messages.
        genomes: canonical (n, G), without repeats.
        values: (n,), finite.
        notes: what was done to the rows as they were read; one line each.
    """

    name: str
    source: str
    genomes: Genomes
    values: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def require(self, least: int = LEAST) -> Labels:
        """These labels, if a model can be fitted on them.

        Raises:
            InvalidData: there are too few, or all are the same.
        """
        if len(self) < least:
            raise InvalidData(
                f"{self.source}: {len(self)} labelled architectures in column '{self.name}'; "
                f"a fitted quality needs at least {least} ('vitnas label' writes architectures to label)"
            )
        if float(np.ptp(self.values)) <= 1e-12 * max(float(np.abs(self.values).max()), 1.0):
            raise InvalidData(
                f"{self.source}, column '{self.name}': every label is {self.values[0]:g}; "
                "nothing can be learned from labels that do not differ"
            )
        return self


def merged(space: Space, name: str, source: str, genomes: Genomes, values: NDArray[np.float64]) -> Labels:
    """Labels of rows that may repeat architectures or have no value.

    Args:
        space: the space.
        name: of the label.
        source: of the rows.
        genomes: canonical (n, G).
        values: (n,); nan where a row has no label.

    Returns:
        the labelled architectures in the order of their first rows; repeated ones have the mean.
    """
    known = ~np.isnan(values)
    notes: list[str] = []
    if (blank := int((~known).sum())) > 0:
        notes.append(f"rows without a label, left out: {blank}")
    genomes, values = genomes[known], values[known]
    _, first, inverse = np.unique(space.keys(genomes), return_index=True, return_inverse=True)
    sums = np.bincount(inverse, weights=values, minlength=len(first))
    counts = np.bincount(inverse, minlength=len(first))
    order = np.argsort(first)
    if (repeats := len(values) - len(first)) > 0:
        notes.append(f"rows that repeat an architecture, labels averaged: {repeats}")
    means = np.where(counts == 1, values[first], sums / np.maximum(counts, 1))
    return Labels(name, source, genomes[first][order], means[order], tuple(notes))


def joined(space: Space, source: str, several: Sequence[Labels]) -> Labels:
    """All of several sets of the same label; an architecture with two has their mean."""
    (name,) = {labels.name for labels in several}
    together = merged(
        space,
        name,
        source,
        np.concatenate([labels.genomes for labels in several]),
        np.concatenate([labels.values for labels in several]),
    )
    notes = [note for labels in several for note in labels.notes]
    return Labels(name, source, together.genomes, together.values, (*notes, *together.notes))
