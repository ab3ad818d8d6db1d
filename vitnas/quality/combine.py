"""Several scores as one: the standardised sum, and AZ-NAS's sum of log ranks.

The two functions here are over all networks that were scored. A score that moves whenever another network is
seen cannot be logged or resumed, so a search goes by `Combination`, which holds candidates against a sample
that stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

COMBINATIONS = ("standard", "log-rank")


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
