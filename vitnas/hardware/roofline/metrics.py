"""How far predictions are from truth, in the terms that latency prediction is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class ErrorSummary:
    """Errors of predictions, relative to the truth (0.1 is 10 %).

    Attributes:
        n: how many predictions.
        mape: mean absolute relative error.
        median_error: its median.
        p90: its 90 % quantile.
        within_10: share of the predictions within 10 %.
        within_20: share within 20 %.
        spearman: rank correlation; nan below two different truths.
        kendall: rank correlation (tau-b); nan likewise.
    """

    n: int
    mape: float
    median_error: float
    p90: float
    within_10: float
    within_20: float
    spearman: float
    kendall: float

    def to_dict(self) -> dict[str, int | float]:
        """Plain figures by name."""
        return asdict(self)


def summarize(predicted_ms: Sequence[float], true_ms: Sequence[float]) -> ErrorSummary:
    """Compare predictions with their truth, both (n,) with n >= 1, positive."""
    from scipy.stats import kendalltau, spearmanr

    predicted, truth = np.asarray(predicted_ms, dtype=float), np.asarray(true_ms, dtype=float)
    assert predicted.shape == truth.shape
    assert predicted.size > 0
    error = np.abs(predicted / truth - 1)
    ranked = np.unique(truth).size > 1 and np.unique(predicted).size > 1
    return ErrorSummary(
        n=int(truth.size),
        mape=float(error.mean()),
        median_error=float(np.median(error)),
        p90=float(np.quantile(error, 0.9)),
        # A hair of tolerance: 1.1 / 1.0 - 1 is more than 0.1 in floating point.
        within_10=float(np.mean(error <= 0.10 + 1e-9)),
        within_20=float(np.mean(error <= 0.20 + 1e-9)),
        spearman=float(spearmanr(predicted, truth).statistic) if ranked else float("nan"),
        kendall=float(kendalltau(predicted, truth).statistic) if ranked else float("nan"),
    )
