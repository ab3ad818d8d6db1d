"""The price of a roofline: coefficients times features (work and bytes by class), additive over kernels.

A compute kernel takes the longer of doing its MACs and moving its activations; everything else moves bytes.
All features are sums over kernels, or lists of kernels, so that networks can be cut into blocks anywhere.

``latency_ms = base + sum over compute kernels of max(GMACs * rate of the class, activation MB * c)
+ weight MB * c + elementwise MB * c + moved MB * c + softmax and norm MB * c + swish MB * c
+ ReLU and GELU MB * c + kernels * c``

Batch norm with fixed statistics folds away. On accelerators the last two are 0: ReLU and GELU fuse into the
kernel before them, and a network is one call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.kernels import COMPUTE_KINDS, Kernel, KernelKind

BYTE_TERMS: dict[str, frozenset[KernelKind]] = {
    "elementwise": frozenset({KernelKind.elementwise, KernelKind.pool, KernelKind.resize, KernelKind.other}),
    "move": frozenset({KernelKind.move}),
    "softmax_norm": frozenset({KernelKind.softmax, KernelKind.norm}),
    "swish": frozenset({KernelKind.swish}),
    "nonlinearity": frozenset({KernelKind.activation}),
}
"""Kernels that are priced by the bytes they read and write; batch norm folds into its neighbour.

On accelerators ReLU and GELU fuse away as well, so their term costs nothing there.
"""

_TERM_OF_KIND = {kind: term for term, kinds in BYTE_TERMS.items() for kind in kinds}

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


@dataclass(frozen=True)
class RooflineFeatures:
    """The quantities that a roofline price is linear in, but for one maximum a compute kernel.

    Attributes:
        kinds: (K,) index into `COMPUTE_KINDS` of each distinct compute kernel.
        gmacs: (K,) its 1e9 multiply-accumulates.
        activation_mb: (K,) its 1e6 bytes of activations read and written.
        counts: (K,) how often it occurs.
        weight_mb: 1e6 bytes of weights of the compute kernels.
        bytes_mb: 1e6 bytes read and written, by term of `BYTE_TERMS`.
        calls: number of kernels that are priced.
    """

    kinds: NDArray[np.intp]
    gmacs: NDArray[np.float64]
    activation_mb: NDArray[np.float64]
    counts: NDArray[np.float64]
    weight_mb: float
    bytes_mb: dict[str, float]
    calls: int = 0


def roofline_features(kernels: Sequence[Kernel], bytes_per_element: int) -> RooflineFeatures:
    """Sum up kernels for a roofline.

    Args:
        kernels: of a block or of a network; those that depend on weights alone cost nothing.
        bytes_per_element: of weights and activations.
    """
    megabytes = bytes_per_element / 1e6
    compute: Counter[tuple[int, int, int]] = Counter()
    weights = calls = 0
    moved = dict.fromkeys(BYTE_TERMS, 0)
    for kernel in kernels:
        if kernel.constant:
            continue
        elements = kernel.inputs_elements + kernel.output_elements
        if kernel.kind in COMPUTE_KINDS:
            compute[COMPUTE_KINDS.index(kernel.kind), kernel.macs, elements] += 1
            weights += kernel.weight_elements
            calls += 1
        elif kernel.kind in _TERM_OF_KIND:
            calls += 1
            moved[_TERM_OF_KIND[kernel.kind]] += elements
    table = np.array(list(compute), dtype=np.float64).reshape(-1, 3)  # (K, 3): class, MACs, elements
    return RooflineFeatures(
        kinds=table[:, 0].astype(np.intp),
        gmacs=table[:, 1] / 1e9,
        activation_mb=table[:, 2] * megabytes,
        counts=np.array(list(compute.values()), dtype=np.float64),
        weight_mb=weights * megabytes,
        bytes_mb={term: elements * megabytes for term, elements in moved.items()},
        calls=calls,
    )


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
