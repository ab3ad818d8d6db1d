"""How far predictions are from truth, in the terms that latency prediction is judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.hardware.profile.profile_fields import Error


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


def held_out_error(
    predicted_ms: NDArray[np.float64],
    true_ms: NDArray[np.float64],
    families: Sequence[str] = (),
    *,
    method: str,
    noise: float = math.nan,
    band: float | None = None,
    macs_only_mape: float = math.nan,
) -> Error:
    """What a profile says of its error.

    Args:
        predicted_ms: (n,) of networks that the prediction had not seen.
        true_ms: (n,) of the same.
        families: (n,) of the same; none where they mean nothing.
        method: how these were left out.
        noise: mean difference between laboratories; nan if unknown.
        band: None for the larger of mean error and noise.
        macs_only_mape: of ``base + rate * MACs`` by the same method; nan if nobody fitted it.
    """
    summary = summarize(predicted_ms.tolist(), true_ms.tolist())
    low, high = np.quantile(true_ms / predicted_ms, [0.1, 0.9])
    error, names = np.abs(predicted_ms / true_ms - 1), np.array(families)
    return Error(
        method=method,
        noise=noise,
        band=max(summary.mape, 0.0 if math.isnan(noise) else noise) if band is None else band,
        interval_80=(float(low), float(high)),
        families={
            str(f): (int((names == f).sum()), float(error[names == f].mean())) for f in np.unique(names)
        },
        macs_only_mape=macs_only_mape,
        **{name: value for name, value in summary.to_dict().items() if name != "n"},
    )


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
