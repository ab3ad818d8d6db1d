"""Scores beside labels, whole and by part, as entries of a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.check.agreement import agreement
from vitnas.check.bands import Part
from vitnas.check.scores import Score
from vitnas.check.truth import Truth
from vitnas.quality.shape import shape_columns


@dataclass(frozen=True)
class Comparison:
    """Entries of scores, whole and by part."""

    truth: Truth
    parts: Sequence[Part]
    seed: int

    @cached_property
    def _shape(self) -> NDArray[np.float64]:
        return shape_columns(self.truth.space, self.truth.genomes)

    def entry(self, score: Score) -> dict[str, Any]:
        """Of a score of the sample."""
        return self._entries(score, self.truth.sample)

    def entry_of_count(self, score: Score) -> dict[str, Any]:
        """Of a score of all labelled rows: on the sample, and on all."""
        rows = self.truth.sample
        on_sample = Score(score.name, score.kind, score.values[rows], score.seconds)
        entry = self._entries(on_sample, rows)
        if len(rows) < len(self.truth.labels):
            entry["all_rows"] = self._entries(score, np.arange(len(self.truth.labels)))
        return entry

    def _entries(self, score: Score, rows: NDArray[np.intp]) -> dict[str, Any]:
        whole, *others = (self._entry(score, rows, part) for part in self.parts)
        return whole | {"parts": others}

    def _entry(self, score: Score, rows: NDArray[np.intp], part: Part) -> dict[str, Any]:
        inside = part.rows[rows]
        chosen = rows[inside]
        labels, shape = self.truth.labels[chosen], self._shape[chosen]
        found = agreement(score.values[inside], labels, shape, seed=self.seed)
        figures = asdict(found)
        first = {
            name: figures.pop(name) for name in ("n", "tau", "tau_low", "tau_high", "spearman", "regret")
        }
        return {
            "proxy": score.name,
            "space": self.truth.space.name,
            **first,
            "seconds_per_architecture": score.seconds,
            "label": self.truth.label,
            "kind": score.kind,
            "group": part.group,
            "band": part.band,
            **figures,
            "failures": int(np.isnan(score.values[inside]).sum()),
            "failure": score.failure,
            "resolution_px": score.resolution_px,
        }
