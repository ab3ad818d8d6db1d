"""Kernels -> the quantities of a roofline: work and bytes by class.

A compute kernel takes the longer of doing its MACs and moving its activations; everything else moves bytes.
All quantities are sums over kernels, or lists of kernels, so that networks can be cut into blocks anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
