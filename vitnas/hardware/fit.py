"""Coefficients of a roofline from published latencies of whole networks, and how wrong they are.

The coefficients' logarithms are fitted, so that all stay positive; a row's residual is log(predicted /
published) under a soft-L1 loss (scale 0.15: a misread figure pulls little), and a ridge of 0.2 pulls each
logarithm towards proportions known of such hardware, which decides what the rows leave open. A network that
several laboratories published weighs as much as one that a single one did. The error is found by leaving out
one whole family of networks after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidData, VitnasError
from vitnas.hardware.features import RooflineFeatures, roofline_features
from vitnas.hardware.fitted import watched_calls
from vitnas.hardware.metrics import ErrorSummary, summarize
from vitnas.hardware.networks import timm_trace
from vitnas.hardware.roofline import (
    ACTIVATIONS,
    BASE,
    BYTES,
    COEFFICIENTS,
    OPTIONAL_COEFFICIENTS,
    RATES,
    WEIGHTS,
    Networks,
)
from vitnas.hardware.rows import LatencyRow

RIDGE = 0.2
SOFT_L1_SCALE = 0.15
LEAST_ROWS = 5

PRIOR: dict[str, float] = {
    # Proportions of an accelerator that somebody measured by direct dispatch (Apple M1's, arXiv 2606.22283):
    # 0.23 ms for any dispatch, 12 TFLOP/s of float16 (0.17 ms a GMAC; a kernel gets some 70 % of it), 85 GB/s
    # (0.012 ms a MB). Their common scale is taken from the rows.
    BASE: 0.23,
    **dict.fromkeys(RATES, 0.25),
    # Hardly a published network is bound by these two, so the prior decides: most of the array idles there.
    "depthwise_ms_per_gmac": 1.0,
    "matmul_ms_per_gmac": 0.5,
    ACTIVATIONS: 0.012,
    WEIGHTS: 0.012,
    **dict.fromkeys(BYTES.values(), 0.012),
    # ReLU and GELU fuse, and a network is one call.
    **dict.fromkeys(OPTIONAL_COEFFICIENTS, 0.0),
}


@dataclass(frozen=True)
class Sample:
    """A published latency with what its network does."""

    row: LatencyRow
    features: RooflineFeatures
    calls: frozenset[str]

    @property
    def family(self) -> str:
        """Left out together; a row without a family is its own."""
        return self.row.family or self.row.timm_name


@dataclass(frozen=True)
class Fit:
    """A fit with its held-out error.

    Attributes:
        coefficients: by name, see `roofline.COEFFICIENTS`.
        samples: the rows it was made from.
        held_out_ms: (n,) prediction of each row by a fit without its family.
        error: of these predictions.
    """

    coefficients: dict[str, float]
    samples: tuple[Sample, ...]
    held_out_ms: NDArray[np.float64]
    error: ErrorSummary

    @property
    def interval_80(self) -> tuple[float, float]:
        """Factors on a prediction between which 80 % of the held-out truths lie."""
        ratio = np.array([s.row.latency_ms for s in self.samples]) / self.held_out_ms
        low, high = np.quantile(ratio, [0.1, 0.9])
        return float(low), float(high)

    def by_family(self) -> dict[str, tuple[int, float]]:
        """Family -> (rows, mean absolute relative held-out error)."""
        families = np.array([s.family for s in self.samples])
        truth = np.array([s.row.latency_ms for s in self.samples])
        error = np.abs(self.held_out_ms / truth - 1)
        return {
            str(f): (int((families == f).sum()), float(error[families == f].mean()))
            for f in np.unique(families)
        }


def make_samples(
    rows: Sequence[LatencyRow], dtype: str, progress: Callable[[LatencyRow], None] = lambda row: None
) -> tuple[list[Sample], list[tuple[LatencyRow, str]]]:
    """Trace each row's network; rows without one come back with the reason."""
    samples, skipped = [], []
    for row in rows:
        progress(row)
        if not row.timm_name:
            skipped.append((row, "no timm name"))
            continue
        try:
            kernels = timm_trace(row.timm_name, row.resolution_px).kernels
        except VitnasError as problem:
            skipped.append((row, str(problem)))
            continue
        features = roofline_features(kernels, BYTES_OF_DTYPE[dtype])
        samples.append(Sample(row, features, frozenset(watched_calls(kernels))))
    return samples, skipped


def fit(samples: Sequence[Sample], *, ridge: float = RIDGE) -> Fit:
    """Fit all coefficients, and find the error by leaving out each family once.

    Args:
        samples: of `make_samples`.
        ridge: strength of the prior, against residuals that are relative errors.

    Raises:
        InvalidData: fewer than five rows, or fewer than two families.
    """
    families = np.array([sample.family for sample in samples])
    if len(samples) < LEAST_ROWS or np.unique(families).size < 2:
        raise InvalidData(
            f"{len(samples)} usable rows of {np.unique(families).size} families are too few for a fit; "
            f"it takes {LEAST_ROWS} rows and 2 families"
        )
    truth = np.array([sample.row.latency_ms for sample in samples])
    held_out = np.empty(len(samples))
    for family in np.unique(families):
        inside = [s for s in samples if s.family != family]
        outside = Networks([s.features for s in samples if s.family == family])
        held_out[families == family] = outside.latency_ms(fit_coefficients(inside, ridge))
    values = fit_coefficients(samples, ridge)
    coefficients = dict(zip(COEFFICIENTS, values.tolist(), strict=True))
    return Fit(coefficients, tuple(samples), held_out, summarize(held_out.tolist(), truth.tolist()))


def fit_coefficients(
    samples: Sequence[Sample], ridge: float = RIDGE, prior: Mapping[str, float] = PRIOR
) -> NDArray[np.float64]:
    """Coefficients in the order of `COEFFICIENTS`; one whose prior is 0 stays 0."""
    published = Counter((s.row.timm_name, s.row.resolution_px) for s in samples)
    weight = np.array([published[s.row.timm_name, s.row.resolution_px] ** -0.5 for s in samples])
    truth_ms = np.array([sample.row.latency_ms for sample in samples])
    return fit_roofline([sample.features for sample in samples], truth_ms, weight, ridge=ridge, prior=prior)


def fit_roofline(
    features: Sequence[RooflineFeatures],
    truth_ms: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    ridge: float = RIDGE,
    prior: Mapping[str, float] = PRIOR,
) -> NDArray[np.float64]:
    """Coefficients in the order of `COEFFICIENTS` from latencies (n,), each with its weight.

    A coefficient whose prior is 0 stays 0. The prior's common scale is taken from the latencies.
    """
    from scipy.optimize import least_squares

    networks = Networks(features)
    truth = np.log(truth_ms)
    all_prior = np.array([prior[name] for name in COEFFICIENTS])
    free = all_prior > 0
    start = np.log(all_prior[free]) + np.median(truth - np.log(networks.latency_ms(all_prior)))

    def values(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros(len(COEFFICIENTS))
        out[free] = np.exp(logs)
        return out

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        difference = np.log(networks.latency_ms(values(logs))) - truth
        return np.concatenate([weight * _soft_l1(difference), ridge * (logs - start)])

    return values(least_squares(residuals, start).x)


def _soft_l1(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """A residual whose square is the soft-L1 loss; the ridge beside it stays quadratic."""
    scaled = difference / SOFT_L1_SCALE
    root: NDArray[np.float64] = np.sqrt(2 * (np.sqrt(1 + scaled**2) - 1))
    return SOFT_L1_SCALE * root * np.sign(difference)
