"""Coefficients of a roofline from published latencies of whole networks, and how wrong they are.

The coefficients' logarithms are fitted, so that all stay positive; a row's residual is log(predicted /
published) under a soft-L1 loss (scale 0.15: a misread figure pulls little), and a ridge pulls each logarithm
towards proportions known of such hardware (`priors`), which decides what the rows leave open. A network that
several laboratories published weighs as much as one that a single one did. The error is found by leaving out
one whole family of networks after the other. The same is done with MACs alone, to see what the rest is worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidData, VitnasError
from vitnas.hardware.devices.fitted_device import watched_calls
from vitnas.hardware.published.latency_rows import LatencyRow
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.metrics import ErrorSummary, summarize
from vitnas.hardware.roofline.priors import DEFAULT_HARDWARE, HARDWARE
from vitnas.hardware.roofline.roofline import COEFFICIENTS, Networks, RooflineFeatures, roofline_features

RIDGE = HARDWARE[DEFAULT_HARDWARE].ridge
SOFT_L1_SCALE = 0.15
LEAST_ROWS = 5

PRIOR = HARDWARE[DEFAULT_HARDWARE].prior


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
        macs_only: error of ``base + rate * MACs``, fitted and left out alike.
    """

    coefficients: dict[str, float]
    samples: tuple[Sample, ...]
    held_out_ms: NDArray[np.float64]
    error: ErrorSummary
    macs_only: ErrorSummary


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
            kernels = network_trace(row.timm_name, row.resolution_px).kernels
        except VitnasError as problem:
            skipped.append((row, str(problem)))
            continue
        features = roofline_features(kernels, BYTES_OF_DTYPE[dtype])
        samples.append(Sample(row, features, frozenset(watched_calls(kernels))))
    return samples, skipped


def fit(samples: Sequence[Sample], *, ridge: float = RIDGE, prior: Mapping[str, float] = PRIOR) -> Fit:
    """Fit all coefficients, and find the error by leaving out each family once.

    Args:
        samples: of `make_samples`.
        ridge: strength of the prior, against residuals that are relative errors.
        prior: see `priors`.

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
    gmacs = np.array([sample.features.counts @ sample.features.gmacs for sample in samples])
    held_out, macs_only = np.empty(len(samples)), np.empty(len(samples))
    for family in np.unique(families):
        out = families == family
        inside = [s for s in samples if s.family != family]
        outside = Networks([s.features for s in samples if s.family == family])
        held_out[out] = outside.latency_ms(fit_coefficients(inside, ridge, prior))
        base_ms, ms_per_gmac = fit_macs_only(gmacs[~out], truth[~out], _weights(inside))
        macs_only[out] = base_ms + ms_per_gmac * gmacs[out]
    values = fit_coefficients(samples, ridge, prior)
    coefficients = dict(zip(COEFFICIENTS, values.tolist(), strict=True))
    errors = [summarize(predicted.tolist(), truth.tolist()) for predicted in (held_out, macs_only)]
    return Fit(coefficients, tuple(samples), held_out, *errors)


def fit_coefficients(
    samples: Sequence[Sample], ridge: float = RIDGE, prior: Mapping[str, float] = PRIOR
) -> NDArray[np.float64]:
    """Coefficients in the order of `COEFFICIENTS`; one whose prior is 0 stays 0."""
    truth_ms = np.array([sample.row.latency_ms for sample in samples])
    features = [sample.features for sample in samples]
    return fit_roofline(features, truth_ms, _weights(samples), ridge=ridge, prior=prior)


def _weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """(n,) of residuals: a network counts once, however often it was published."""
    published = Counter((s.row.timm_name, s.row.resolution_px) for s in samples)
    return np.array([published[s.row.timm_name, s.row.resolution_px] ** -0.5 for s in samples])


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


def fit_macs_only(
    gmacs: NDArray[np.float64], truth_ms: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Base and milliseconds a GMAC of ``base + rate * GMACs`` under the same loss: the least to be beaten."""
    from scipy.optimize import least_squares

    truth = np.log(truth_ms)

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        base_ms, ms_per_gmac = np.exp(logs)
        return weight * _soft_l1(np.log(base_ms + ms_per_gmac * gmacs) - truth)

    start = np.log([truth_ms.min() / 2, np.median(truth_ms / gmacs)])
    base_ms, ms_per_gmac = np.exp(least_squares(residuals, start).x)
    return float(base_ms), float(ms_per_gmac)


def _soft_l1(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """A residual whose square is the soft-L1 loss; the ridge beside it stays quadratic."""
    scaled = difference / SOFT_L1_SCALE
    root: NDArray[np.float64] = np.sqrt(2 * (np.sqrt(1 + scaled**2) - 1))
    return SOFT_L1_SCALE * root * np.sign(difference)
