"""Puts a proxy's score on a scale that does not move: that of a reference sample of networks."""

from __future__ import annotations

import bisect
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from vitnas.errors import InvalidData

FORMAT = 1


class ReferenceSample:
    """Scores of some tens of feasible networks by proxy, kept in the run.

    Scores are as the proxies define them: where lower is better, so are the results here.
    """

    def __init__(self, scores: Mapping[str, Sequence[float]]) -> None:
        self._sorted = {name: sorted(values) for name, values in scores.items()}
        self._means = {name: statistics.fmean(values) for name, values in self._sorted.items()}
        self._spreads = {name: statistics.pstdev(values) for name, values in self._sorted.items()}

    @classmethod
    def fit(cls, scores: Mapping[str, Sequence[float]]) -> ReferenceSample:
        """From each proxy's scores of the sample; what is not finite is left out.

        Raises:
            InvalidData: a proxy without a finite score.
        """
        finite = {name: [float(v) for v in values if math.isfinite(v)] for name, values in scores.items()}
        for name, values in finite.items():
            if not values:
                raise InvalidData(f"'{name}' has no finite score on the reference sample")
        return cls(finite)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The proxies that it knows."""
        return tuple(self._sorted)

    def standardise(self, proxy: str, score: float) -> float:
        """Standard deviations above the sample's mean.

        0 if the sample does not vary, nan for a score that is not finite.
        """
        if not math.isfinite(score):
            return math.nan
        spread = self._spreads[proxy]
        return (score - self._means[proxy]) / spread if spread else 0.0

    def rank(self, proxy: str, score: float) -> float:
        """Share of the sample that is below this score, ties counted half; nan if it is not finite."""
        if not math.isfinite(score):
            return math.nan
        sample = self._sorted[proxy]
        return (bisect.bisect_left(sample, score) + bisect.bisect_right(sample, score)) / 2 / len(sample)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {"format": FORMAT, "scores": {name: list(values) for name, values in self._sorted.items()}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ReferenceSample:
        """The sample whose ``state`` it is.

        Raises:
            InvalidData: the state is damaged or of another version.
        """
        if state.get("format") != FORMAT or not isinstance(state.get("scores"), Mapping):
            raise InvalidData(f"saved reference scores have format {state.get('format')}, expected {FORMAT}")
        try:
            return cls.fit({str(n): [float(v) for v in values] for n, values in state["scores"].items()})
        except (TypeError, ValueError) as problem:
            raise InvalidData(f"saved reference scores are damaged: {problem}") from None
