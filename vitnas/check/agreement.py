"""How far a score ranks architectures as their measured accuracies do."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

MIN_ROWS = 10  # below, an interval of a rank correlation says nothing
RESAMPLES = 1000
ROWS_A_PARAMETER = 3  # a regression with fewer rows explains anything
_EXACT = 1e-9  # share of a variance that rounding leaves over


@dataclass(frozen=True)
class Agreement:
    """A score against the labels of n architectures; nan where it is not defined.

    Attributes:
        n: architectures that have both.
        tau: Kendall's tau-b.
        tau_low: 2.5 % quantile of tau over bootstrap resamples of the architectures.
        tau_high: its 97.5 % quantile.
        spearman: rank correlation.
        regret: best label minus that of the architecture with the best score, in the label's unit; the mean
            over the architectures that share the best score.
        median_regret: best label minus the median one: what a network taken at random misses.
        r2_shape: share of the score's variance that a linear regression on the shape explains.
        residual_tau: tau-b between what the shape leaves over of the score and of the label.
    """

    n: int
    tau: float
    tau_low: float
    tau_high: float
    spearman: float
    regret: float
    median_regret: float
    r2_shape: float
    residual_tau: float


def agreement(
    scores: Values, labels: Values, shape: Values, *, seed: int = 0, resamples: int = RESAMPLES
) -> Agreement:
    """Compare scores with labels.

    Args:
        scores: (n,), higher is better; rows that are not finite are left out.
        labels: (n,), higher is better; likewise.
        shape: (n, k) what the networks' shapes are described by, see `vitnas.quality.shape`.
        seed: of the resamples, which are the same for every score of the same n.
        resamples: of the bootstrap.
    """
    kept = np.isfinite(scores) & np.isfinite(labels)
    scores, labels, shape = scores[kept], labels[kept], shape[kept]
    nan = float("nan")
    if len(scores) < MIN_ROWS:
        return Agreement(len(scores), *[nan] * 8)
    low, high = tau_interval(scores, labels, seed=seed, resamples=resamples)
    r2, left = regress(scores, shape)
    _, labels_left = regress(labels, shape)
    return Agreement(
        n=len(scores),
        tau=tau_b(scores, labels),
        tau_low=low,
        tau_high=high,
        spearman=_spearman(scores, labels),
        regret=regret(scores, labels),
        median_regret=float(labels.max() - np.median(labels)),
        r2_shape=r2,
        residual_tau=nan if left is None or labels_left is None else tau_b(left, labels_left),
    )


def tau_b(a: Values, b: Values) -> float:
    """Kendall's tau-b of (n,) and (n,); nan if one of them is constant."""
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic)


def _spearman(a: Values, b: Values) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(a), rankdata(b)
    constant = any(np.ptp(r) == 0 for r in ranks)
    return float("nan") if constant else float(np.corrcoef(*ranks)[0, 1])


def tau_interval(
    a: Values, b: Values, *, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of tau-b over the rows of (n,) and (n,).

    The resamples are drawn as counts of each row, so that all of them are sums over one matrix of pairs.
    """
    taus = weighted_taus(a, b, _resampled(len(a), seed, resamples))
    defined = taus[np.isfinite(taus)]
    if len(defined) < resamples / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@functools.lru_cache(maxsize=8)
def _resampled(n: int, seed: int, resamples: int) -> NDArray[np.float32]:
    """How often (resamples, n) each of n rows is drawn; many scores are compared on the same rows."""
    rng = np.random.default_rng(seed)
    counts = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(resamples)]
    return np.stack(counts).astype(np.float32)


def weighted_taus(a: Values, b: Values, counts: NDArray[np.float32], *, block: int = 512) -> Values:
    """Tau-b (r,) of r samples, in which row i of ``a`` and ``b`` (n,) stands ``counts[r, i]`` times.

    ``block`` rows of the matrix of pairs are held at once.
    """
    agreeing, a_differs, b_differs = (np.zeros(len(counts)) for _ in range(3))
    for start in range(0, len(a), block):
        rows = slice(start, start + block)
        # sums of ones and counts: exact in float32
        sign_a = np.sign(a[rows, None] - a).astype(np.float32)
        sign_b = np.sign(b[rows, None] - b).astype(np.float32)
        pairs = ((agreeing, sign_a * sign_b), (a_differs, np.abs(sign_a)), (b_differs, np.abs(sign_b)))
        for total, matrix in pairs:
            total += (counts[:, rows] * (counts @ matrix.T)).sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        taus: Values = agreeing / np.sqrt(a_differs * b_differs)
    return taus


def regret(scores: Values, labels: Values) -> float:
    """Best label minus the mean label of the rows that share the best score."""
    return float(labels.max() - labels[scores == scores.max()].mean())


def regress(values: Values, shape: Values) -> tuple[float, Values | None]:
    """Linear regression of (n,) on an intercept and the columns of ``shape`` (n, k).

    Returns:
        R2, and the residuals (n,). R2 is nan for constant values and where the rows are too few for the
        columns; the residuals are None there, and where nothing but rounding is left over.
    """
    spread = values - values.mean()
    total = float(spread @ spread)
    scale = shape.std(axis=0)
    varying = scale > _EXACT * np.maximum(np.abs(shape).max(axis=0, initial=0), 1e-300)
    design = (shape[:, varying] - shape[:, varying].mean(axis=0)) / scale[varying]
    rank = 1 + (int(np.linalg.matrix_rank(design)) if design.size else 0)
    if total <= (_EXACT * np.abs(values).max(initial=0)) ** 2 * len(values) or len(values) < (
        ROWS_A_PARAMETER * rank
    ):
        return float("nan"), None
    solution = np.linalg.lstsq(design, spread, rcond=None)[0]
    left = spread - design @ solution
    share = float(left @ left) / total
    return 1 - share, left if share > _EXACT**2 * len(values) else None
