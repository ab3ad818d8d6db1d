"""The price of a roofline: coefficients times features, additive over kernels.

``latency_ms = base + sum over compute kernels of max(GMACs * rate of the class, activation MB * c)
+ weight MB * c + elementwise MB * c + moved MB * c + softmax and norm MB * c + swish MB * c
+ ReLU and GELU MB * c + kernels * c``

Batch norm with fixed statistics folds away. On accelerators the last two are 0: ReLU and GELU fuse into the
kernel before them, and a network is one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.kernels import COMPUTE_KINDS
from vitnas.hardware.roofline.kernel_features import BYTE_TERMS, RooflineFeatures

BASE = "base_ms"
RATES = tuple(f"{kind}_ms_per_gmac" for kind in COMPUTE_KINDS)
ACTIVATIONS = "activation_ms_per_mb"
WEIGHTS = "weight_ms_per_mb"
BYTES = {term: f"{term}_ms_per_mb" for term in BYTE_TERMS}
CALL = "call_ms"

COEFFICIENTS: tuple[str, ...] = (BASE, *RATES, ACTIVATIONS, WEIGHTS, *BYTES.values(), CALL)
"""Names of all coefficients, with their units; MB are 1e6 bytes, GMACs 1e9 multiply-accumulates."""
OPTIONAL_COEFFICIENTS = (BYTES["nonlinearity"], CALL)
"""Those that a profile may leave out; they are 0 then."""


def kernels_ms(features: RooflineFeatures, coefficients: Mapping[str, float]) -> float:
    """Price of the kernels in milliseconds, without the base."""
    rates = np.array([coefficients[name] for name in RATES])
    work_ms = features.gmacs * rates[features.kinds]
    traffic_ms = features.activation_mb * coefficients[ACTIVATIONS]
    compute_ms = float(np.dot(features.counts, np.maximum(work_ms, traffic_ms)))
    bytes_ms = sum(features.bytes_mb[term] * coefficients[name] for term, name in BYTES.items())
    calls_ms = features.calls * coefficients[CALL]
    return compute_ms + features.weight_mb * coefficients[WEIGHTS] + bytes_ms + calls_ms


class Networks:
    """Features of many networks in flat arrays, so that a fit prices them all at once."""

    def __init__(self, features: Sequence[RooflineFeatures]) -> None:
        lengths = [len(f.gmacs) for f in features]
        self._owner = np.repeat(np.arange(len(features)), lengths)  # (sum K,) which network a kernel is of
        self._kinds = np.concatenate([f.kinds for f in features])
        self._gmacs = np.concatenate([f.gmacs for f in features])
        self._activation_mb = np.concatenate([f.activation_mb for f in features])
        self._counts = np.concatenate([f.counts for f in features])
        self._linear = np.array(  # (n, 7), in the order of the last coefficients
            [[f.weight_mb, *(f.bytes_mb[t] for t in BYTES), f.calls] for f in features]
        )
        self.size = len(features)

    def latency_ms(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) latencies for coefficients in the order of `COEFFICIENTS`."""
        base, rates, activation, linear = values[0], values[1:7], values[7], values[8:]
        kernel_ms = np.maximum(self._gmacs * rates[self._kinds], self._activation_mb * activation)
        compute_ms = np.bincount(self._owner, self._counts * kernel_ms, minlength=self.size)
        latency: NDArray[np.float64] = base + compute_ms + self._linear @ linear
        return latency
