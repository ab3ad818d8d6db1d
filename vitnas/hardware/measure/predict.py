"""Prices of blocks that a table lacks, learned from those that it has.

A roofline over the blocks' kernels, times a factor for the operator. How wrong it is on blocks that it has
not seen is found twice: with blocks left out at random, and with all blocks of an operator left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.kernels import Kernel
from vitnas.cost.trace import Trace
from vitnas.hardware.block_table import Measured
from vitnas.hardware.features import RooflineFeatures, roofline_features
from vitnas.hardware.fit import PRIOR, fit_roofline
from vitnas.hardware.profile import Prediction
from vitnas.hardware.roofline import ACTIVATIONS, BASE, BYTES, CALL, COEFFICIENTS, Networks, kernels_ms
from vitnas.space.slots import Context

FOLDS = 10
RIDGE = 0.05  # hundreds of blocks say more than a prior
# A block has no base; whether activations fuse and calls are free is for the blocks to say.
BLOCK_PRIOR = {**PRIOR, BASE: 0.0, BYTES["nonlinearity"]: PRIOR[ACTIVATIONS], CALL: 0.001}


@dataclass(frozen=True)
class BlockPredictor:
    """Prices a block from its kernels."""

    coefficients: Mapping[str, float]
    summary: Prediction
    bytes_per_element: int

    def block_ms(self, op: str, kernels: Sequence[Kernel]) -> float:
        """Milliseconds of a block, on the scale of the table."""
        price = kernels_ms(roofline_features(kernels, self.bytes_per_element), self.coefficients)
        return self.summary.factors.get(op, 1.0) * price


def fit_predictor(
    table: Mapping[Context, Measured], traces: Mapping[Context, Trace], bytes_per_element: int
) -> BlockPredictor:
    """Fit the blocks of a table.

    Args:
        table: measured blocks; those of no time at all are left out.
        traces: their kernels.
        bytes_per_element: of weights and activations.
    """
    blocks = [block for block in table if table[block].latency_ms > 0]
    features = [roofline_features(traces[block].kernels, bytes_per_element) for block in blocks]
    truth = np.array([table[block].latency_ms for block in blocks])
    ops = np.array([block.op for block in blocks])
    values, factors = _fit(features, truth, ops)
    folds = np.random.default_rng(0).permutation(len(blocks)) % FOLDS
    return BlockPredictor(
        dict(zip(COEFFICIENTS, values.tolist(), strict=True)),
        Prediction(factors, _error(features, truth, ops, folds), _error(features, truth, ops, ops)),
        bytes_per_element,
    )


def _fit(
    features: Sequence[RooflineFeatures], truth: NDArray[np.float64], ops: NDArray[np.str_]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    counts = {op: int((ops == op).sum()) for op in np.unique(ops)}
    weight = np.array([counts[op] ** -0.5 for op in ops])  # an operator counts once, however many blocks
    values = fit_roofline(
        features, truth, weight * np.sqrt(len(ops) / len(counts)), ridge=RIDGE, prior=BLOCK_PRIOR
    )
    ratio = truth / Networks(features).latency_ms(values)
    return values, {str(op): float(np.median(ratio[ops == op])) for op in counts}


def _error(
    features: Sequence[RooflineFeatures],
    truth: NDArray[np.float64],
    ops: NDArray[np.str_],
    groups: NDArray[np.generic],
) -> float:
    """Mean relative error on groups left out one by one; nan where one group is all there is."""
    if len(np.unique(groups)) < 2:
        return float("nan")
    errors = np.empty(len(truth))
    for group in np.unique(groups):
        out = groups == group
        inside = [f for f, left in zip(features, out, strict=True) if not left]
        values, factors = _fit(inside, truth[~out], ops[~out])
        outside = [f for f, left in zip(features, out, strict=True) if left]
        factor = np.array([factors.get(str(op), 1.0) for op in ops[out]])
        errors[out] = np.abs(factor * Networks(outside).latency_ms(values) / truth[out] - 1)
    return float(errors.mean())
