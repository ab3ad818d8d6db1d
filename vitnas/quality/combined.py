"""Several scores as one: the standardised sum, and AZ-NAS's sum of log ranks.

The two functions here are over all networks that were scored. A score that moves whenever another network is
seen cannot be logged or resumed, so a search goes by `Combination`, which holds candidates against a sample
that stays.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData
from vitnas.quality.base import NOT_AN_ACCURACY, Details, Quality, Record
from vitnas.space.activity import Genomes

COMBINATIONS = ("standard", "log-rank")
SAMPLE = 1024  # of the pool, where scoring costs nothing


def mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks (n,) from 1 of finite values (n,), ties their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], dtype=np.float64)


def standard_sum(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (n,) of each part's standard deviations above its mean, for scores (n, K), higher is better.

    A row with a score that is not finite is nan and counts in no mean; a part that does not vary adds 0.
    """
    known = np.isfinite(scores).all(axis=1)
    total = np.full(len(scores), np.nan)
    if known.any():
        rows = scores[known]
        spread = np.where(np.ptp(rows, axis=0) > 0, rows.std(axis=0), np.inf)
        total[known] = ((rows - rows.mean(axis=0)) / spread).sum(axis=1)
    return total


def log_rank_sum(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (n,) of ln(rank / n) over parts, for scores (n, K), higher is better: at most 0.

    The worst network has rank 1 and the best rank n, ties their mean. A row with a score that is not finite
    is nan and has no rank.

    Source: AZ-NAS (arXiv 2403.19232), non-linear ranking aggregation: a bad rank weighs more than a good one.
    """
    known = np.isfinite(scores).all(axis=1)
    total = np.full(len(scores), np.nan)
    if known.any():
        ranks = np.stack([mean_ranks(column) for column in scores[known].T], axis=1)
        total[known] = np.log(ranks / len(ranks)).sum(axis=1)
    return total


class Combination:
    """One score of several, held against a sample that stays.

    ``standard`` is `standard_sum` with the sample's means and deviations. ``log-rank`` is `log_rank_sum` with
    the rank that a candidate has among the sample: one more than the number of its networks that are no
    better, of m + 1. AZ-NAS ranks all candidates seen instead. What beats all of the sample has 0 here,
    however much better it is.

    Args:
        how: one of ``COMBINATIONS``.
        samples: each part's finite scores on the sample, higher is better.
    """

    def __init__(self, how: str, samples: Sequence[Sequence[float]]) -> None:
        self.how = how
        self.samples = [np.sort(np.asarray(sample, dtype=np.float64)) for sample in samples]
        self._means = np.array([statistics.fmean(sample) for sample in self.samples])
        spreads = np.array([statistics.pstdev(sample) for sample in self.samples])
        self._spreads = np.where(spreads > 0, spreads, np.inf)

    @classmethod
    def of(cls, how: str, parts: Sequence[Quality], samples: Sequence[Sequence[float]]) -> Combination:
        """By the scores of a sample as each part defines them."""
        pairs = zip(parts, samples, strict=True)
        return cls(how, [part.oriented(np.asarray(sample, np.float64)).tolist() for part, sample in pairs])

    def standard(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviations (n, K) above the sample's means; 0 where the sample does not vary."""
        return np.asarray((scores - self._means) / self._spreads)

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The combined score (n,) of scores (n, K); nan for a row with one that is not finite."""
        parts = self.standard(scores) if self.how == "standard" else self._log_ranks(scores)
        return np.asarray(np.where(np.isfinite(scores).all(axis=1), parts.sum(axis=1), np.nan))

    def _log_ranks(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = [
            np.log((np.searchsorted(sample, column, side="right") + 1) / (len(sample) + 1))
            for sample, column in zip(self.samples, scores.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def note(self, names: Sequence[str]) -> str:
        """What the combined score is, in words."""
        several = " and ".join(names)
        size = len(self.samples[0])
        if self.how == "standard":
            return f"the sum of {several}, each in standard deviations of {size} random networks of the run"
        return (
            f"the sum of ln(rank / {size + 1}) of {several} among {size} random networks of the run; "
            "what beats them all in each has 0, and is not told apart"
        )


class Combined(Quality):
    """Several qualities as one, or one on the scale of a sample.

    Args:
        parts: of one space.
        combination: with their scores on a sample.
    """

    def __init__(self, parts: Sequence[Quality], combination: Combination) -> None:
        self.parts = tuple(parts)
        self.combination = combination
        self.names = tuple(part.name for part in parts)
        self.name = "+".join(self.names)
        self.rates = next((part.rates for part in parts if part.is_expensive), "genomes")
        self.repeats = max((part.repeats for part in parts if part.is_expensive), default=1)
        own = dict.fromkeys(note for part in parts for note in part.notes)
        self.notes = (*([combination.note(self.names)] if len(parts) > 1 else []), *own)

    def part_scores(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """Scores (n, K) by each part; nan where there is none."""
        return self._scores(genomes, records) if len(self.parts) > 1 else None

    def _scores(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64]:
        return np.stack([part.rate(genomes, records) for part in self.parts], axis=1)

    def rate(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64]:
        """The combined score (n,); nan where a part has none."""
        return self.combination(self._scores(genomes, records))

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """The combined score (n,) of canonical genomes (n, G), if all parts rate genomes."""
        return self.rate(genomes, ())

    def failure(self, record: Record) -> str:
        """Why the first part that failed has no score."""
        return next(filter(None, (part.failure(record) for part in self.parts if part.is_expensive)), "")

    def details(self, genomes: Genomes, records: Sequence[Record]) -> list[Details]:
        """Each part's score and its standard deviations above the sample's mean, or why it has none."""
        values = np.stack([part.values(genomes, records) for part in self.parts], axis=1)
        turned = np.stack([p.oriented(v) for p, v in zip(self.parts, values.T, strict=True)], axis=1)
        rows = zip(values.tolist(), self.combination.standard(turned).tolist(), strict=True)
        found: list[Details] = [
            {name: {"value": v, "standard": s} for name, v, s in zip(self.names, *row, strict=True)}
            for row in rows
        ]
        if not self.is_expensive:
            return found
        for own, record in zip(found, records, strict=True):
            for part in self.parts:
                if part.is_expensive and (reason := part.failure(record)):
                    own[part.name] = {"failure": reason}
        return [own if record else {} for own, record in zip(found, records, strict=True)]

    def state(self) -> dict[str, Any]:
        """The parts' states and scores on the sample, as JSON, if all rate genomes."""
        return {
            "combine": self.combination.how,
            "members": [{"quality": part.name, **part.state()} for part in self.parts],
            "samples": [sample.tolist() for sample in self.combination.samples],
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any], parts: Sequence[Quality]) -> Combined:
        """The quality whose ``state`` it is, of parts that were restored.

        Raises:
            InvalidData: the state is damaged.
        """
        samples = state.get("samples")
        if state.get("combine") not in COMBINATIONS or not samples or len(samples) != len(parts):
            raise InvalidData(f"the saved quality '{state.get('quality')}' is damaged")
        return cls(parts, Combination(state["combine"], samples))

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """How they are combined."""
        return f"{'; '.join(notes[:1]) or name}. {NOT_AN_ACCURACY}"
