"""From one device's prices to a related device's, by some networks that were measured there.

How much may change depends on how many networks there are: 3 give one factor for everything; from 10 on the
base gets a factor of its own; from 15 on all coefficients are fitted again, with the old ones as prior. All
three minimise log(predicted / measured) under a soft-L1 loss, so that one bad row pulls little.

The thresholds and the ridge come from carrying AI Hub phones to one another (``benchmarks/calibration.py``):
with 3 or 5 networks a second parameter gains less than a point; with 10 it gains one, and fitting everything
no more; from 15 on fitting everything is never worse. A table of measured blocks keeps its proportions: base
and scale at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData
from vitnas.hardware.roofline.fitting import SOFT_L1_SCALE, fit_roofline
from vitnas.hardware.roofline.roofline import BASE, COEFFICIENTS, Networks, RooflineFeatures

SCALE, BASE_AND_SCALE, REFIT = "scale", "base and scale", "refit"
METHODS: dict[str, int] = {SCALE: 3, BASE_AND_SCALE: 10, REFIT: 15}
"""Method -> least number of networks."""
LEAST_NETWORKS = min(METHODS.values())
RIDGE = 0.4
"""Pull of each coefficient's logarithm towards the old one, against residuals that are relative errors."""
LEAST_BASE = 0.01
"""Where a device has no base, one may grow from this share of its median network."""


@dataclass(frozen=True)
class Known:
    """What the source device says of n networks.

    Attributes:
        base_ms: what every network pays once.
        body_ms: (n,) price of each network without the base.
        features: (n) work and bytes of each; empty where the coefficients cannot be fitted again.
        coefficients: of the source's roofline; empty likewise.
    """

    base_ms: float
    body_ms: NDArray[np.float64]
    features: tuple[RooflineFeatures, ...] = ()
    coefficients: Mapping[str, float] | None = None

    def rows(self, index: Sequence[int] | NDArray[np.intp]) -> Known:
        """Some of the networks."""
        features = tuple(self.features[i] for i in index) if self.features else ()
        return Known(self.base_ms, self.body_ms[index], features, self.coefficients)

    def network_ms(self) -> NDArray[np.float64]:
        """(n,) latencies on the source device, in milliseconds."""
        return self.base_ms + self.body_ms


@dataclass(frozen=True)
class Transferred:
    """The related device's prices.

    Attributes:
        method: one of ``METHODS``.
        base_ms: what every network pays once.
        scale: factor on the source's price of everything else; of a refit, the median one over its networks.
        coefficients: of a refit, by name; None otherwise.
    """

    method: str
    base_ms: float
    scale: float
    coefficients: Mapping[str, float] | None = None

    def network_ms(self, known: Known) -> NDArray[np.float64]:
        """(n,) predicted latencies of networks, in milliseconds."""
        if self.coefficients is None:
            return self.base_ms + self.scale * known.body_ms
        values = np.array([self.coefficients[name] for name in COEFFICIENTS])
        return Networks(known.features).latency_ms(values)


def method_for(networks: int, *, refittable: bool) -> str:
    """The richest method that so many networks transfer.

    Raises:
        InvalidData: too few for any.
    """
    fitting = [m for m, least in METHODS.items() if networks >= least and (refittable or m != REFIT)]
    if not fitting:
        raise InvalidData(f"{networks} usable networks are too few; it takes {LEAST_NETWORKS} or more")
    return fitting[-1]


def transfer(known: Known, true_ms: NDArray[np.float64], method: str, *, ridge: float = RIDGE) -> Transferred:
    """Fit the source's prices to latencies (n,) of the related device.

    Args:
        known: the same networks on the source.
        true_ms: measured, positive.
        method: one of ``METHODS``; here any number of networks will do.
        ridge: strength of the pull towards the source's proportions; scale has none.
    """
    if method == REFIT:
        assert known.coefficients is not None
        return _refit(known, known.coefficients, true_ms, ridge)
    log_scale = _location(np.log(true_ms / known.network_ms()))
    if method == SCALE:
        scale = float(np.exp(log_scale))
        return Transferred(SCALE, scale * known.base_ms, scale)
    return _base_and_scale(known, true_ms, log_scale, ridge)


def _location(logs: NDArray[np.float64]) -> float:
    """The middle of some logarithms, from which a bad one pulls little."""
    from scipy.optimize import least_squares

    def residuals(middle: NDArray[np.float64]) -> NDArray[np.float64]:
        return middle - logs

    found = least_squares(residuals, [np.median(logs)], loss="soft_l1", f_scale=SOFT_L1_SCALE)
    return float(found.x[0])


def _base_and_scale(known: Known, true_ms: NDArray[np.float64], start: float, ridge: float) -> Transferred:
    from scipy.optimize import least_squares

    base_ms = max(known.base_ms, LEAST_BASE * float(np.median(known.body_ms)))

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        predicted_ms = np.exp(logs[0]) * base_ms + np.exp(logs[1]) * known.body_ms
        return np.concatenate([np.log(predicted_ms / true_ms), ridge * (logs - start)])

    found = least_squares(residuals, [start, start], loss="soft_l1", f_scale=SOFT_L1_SCALE)
    factors = np.exp(found.x)
    return Transferred(BASE_AND_SCALE, float(factors[0]) * base_ms, float(factors[1]))


def _refit(
    known: Known, prior: Mapping[str, float], true_ms: NDArray[np.float64], ridge: float
) -> Transferred:
    values = fit_roofline(known.features, true_ms, np.ones(len(true_ms)), ridge=ridge, prior=prior)
    coefficients = dict(zip(COEFFICIENTS, values.tolist(), strict=True))
    base_ms = coefficients[BASE]
    body_ms = Networks(known.features).latency_ms(values) - base_ms
    return Transferred(REFIT, base_ms, float(np.median(body_ms / known.body_ms)), coefficients)


def leave_one_out_ms(known: Known, true_ms: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    """(n,) prediction of each network by the same method from all others."""
    everyone = np.arange(len(true_ms))
    out = np.empty(len(true_ms))
    for i in range(len(true_ms)):
        others = np.delete(everyone, i)
        out[i] = transfer(known.rows(others), true_ms[others], method).network_ms(known.rows([i]))[0]
    return out
