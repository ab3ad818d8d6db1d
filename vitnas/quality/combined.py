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
from scipy.stats import rankdata

from vitnas.errors import InvalidData, InvalidInput, unknown
from vitnas.quality.base import GenomeQuality
from vitnas.space.activity import Genomes

COMBINATIONS = ("standard", "log-rank")
SAMPLE = 1024  # of the pool, where scoring costs nothing


def standard_sum(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (n,) of each member's standard deviations above its mean, for scores (n, K), higher is better.

    A row with a score that is not finite is nan and counts in no mean; a member that does not vary adds 0.
    """
    known = np.isfinite(scores).all(axis=1)
    total = np.full(len(scores), np.nan)
    if known.any():
        rows = scores[known]
        spread = np.where(np.ptp(rows, axis=0) > 0, rows.std(axis=0), np.inf)
        total[known] = ((rows - rows.mean(axis=0)) / spread).sum(axis=1)
    return total


def log_rank_sum(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (n,) of ln(rank / n) over members, for scores (n, K), higher is better: at most 0.

    The worst network has rank 1 and the best rank n, ties their mean. A row with a score that is not finite
    is nan and has no rank.

    Source: AZ-NAS (arXiv 2403.19232), non-linear ranking aggregation: a bad rank weighs more than a good one.
    """
    known = np.isfinite(scores).all(axis=1)
    total = np.full(len(scores), np.nan)
    if known.any():
        ranks = np.asarray(rankdata(scores[known], axis=0), dtype=np.float64)
        total[known] = np.log(ranks / len(ranks)).sum(axis=1)
    return total


def split_quality(name: str, combine: str | None = None, *, where: str = "") -> tuple[str, ...]:
    """``a+b`` as its members.

    Args:
        name: of one score or several.
        combine: how they are to be combined.
        where: the option to name in errors, as it was given; empty for ``--quality``.

    Raises:
        InvalidInput: a name is missing or stands twice; there is nothing to combine.
        UnknownName: no such combination.
    """
    members = tuple(member.strip() for member in name.split("+"))
    if not all(members):
        raise InvalidInput(f"{where or '--quality'}: a name is missing in '{name}' (write one, or A+B)")
    same = [member.replace("-", "_") for member in members]
    twice = next((m for k, m in enumerate(same) if m in same[:k]), None)
    if twice is not None:
        raise InvalidInput(f"{where or f'--quality {name}'}: '{twice}' stands twice")
    if combine is not None and combine not in COMBINATIONS:
        raise unknown("combination", combine, COMBINATIONS, where="--combine")
    if combine is not None and len(members) == 1:
        raise InvalidInput(
            f"--combine {combine}: '{name}' is one score (write --quality A+B, or leave it out)"
        )
    return members


class Combination:
    """One score of several, held against a sample that stays.

    ``standard`` is `standard_sum` with the sample's means and deviations. ``log-rank`` is `log_rank_sum` with
    the rank that a candidate has among the sample: one more than the number of its networks that are no
    better, of m + 1. AZ-NAS ranks all candidates seen instead. What beats all of the sample has 0 here,
    however much better it is.

    Args:
        how: one of ``COMBINATIONS``.
        samples: each member's finite scores on the sample, higher is better.
    """

    def __init__(self, how: str, samples: Sequence[Sequence[float]]) -> None:
        self.how = how
        self.samples = [np.sort(np.asarray(sample, dtype=np.float64)) for sample in samples]
        self._means = np.array([statistics.fmean(sample) for sample in self.samples])
        spreads = np.array([statistics.pstdev(sample) for sample in self.samples])
        self._spreads = np.where(spreads > 0, spreads, np.inf)

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


class CombinedQuality:
    """Several qualities of genomes as one (a `GenomeQuality`).

    Args:
        parts: the members, of one space.
        combination: with their scores on a sample.
    """

    def __init__(self, parts: Sequence[GenomeQuality], combination: Combination) -> None:
        self.parts = tuple(parts)
        self.combination = combination
        self.names = tuple(part.name for part in parts)
        self.name = "+".join(self.names)
        own = dict.fromkeys(note for part in parts for note in part.notes)
        self.notes: tuple[str, ...] = (combination.note(self.names), *own)

    @classmethod
    def fit(cls, parts: Sequence[GenomeQuality], how: str, pool: Genomes) -> CombinedQuality:
        """Held against the first of a pool (m, G) of feasible canonical genomes."""
        return cls(parts, Combination(how, [part.score(pool[:SAMPLE]).tolist() for part in parts]))

    def members(self, genomes: Genomes) -> NDArray[np.float64]:
        """Scores (n, K) of canonical genomes (n, G) by each member."""
        return np.stack([part.score(genomes) for part in self.parts], axis=1)

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """The combined score (n,) of canonical genomes (n, G)."""
        return self.combination(self.members(genomes))

    def state(self) -> dict[str, Any]:
        """The members' states and scores on the sample, as JSON."""
        return {
            "quality": self.name,
            "combine": self.combination.how,
            "members": [part.state() for part in self.parts],
            "samples": [sample.tolist() for sample in self.combination.samples],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], parts: Sequence[GenomeQuality]) -> CombinedQuality:
        """The quality whose ``state`` it is, of members that were restored.

        Raises:
            InvalidData: the state is damaged.
        """
        samples = state.get("samples")
        if state.get("combine") not in COMBINATIONS or not samples or len(samples) != len(parts):
            raise InvalidData(f"the saved quality '{state.get('quality')}' is damaged")
        return cls(parts, Combination(state["combine"], samples))
