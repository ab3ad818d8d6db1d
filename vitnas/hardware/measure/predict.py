"""Prices of blocks that a table lacks, learned from those that it has.

A roofline over the blocks' kernels, times a factor for the operator. It is fitted twice: what the first fit
says of dense work (convolutions, linear layers), all classes together, is the second one's prior for each of
them. So a class of which the blocks say little gets the rate of the others, and blocks of other operators are
not priced several times too high. A classifier's linear layer reads each weight for one product: its time is
memory's and says nothing of linear layers over many tokens, so such blocks only get their factor. How wrong
all this is on blocks that it has not seen stands in the profile: blocks left out at random, and all blocks of
an operator left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.kernels import COMPUTE_KINDS, Kernel, KernelKind
from vitnas.cost.trace import Trace
from vitnas.hardware.profile.block_table import Measured
from vitnas.hardware.profile.profile_fields import Prediction
from vitnas.hardware.roofline.fitting import PRIOR, fit_roofline
from vitnas.hardware.roofline.roofline import (
    ACTIVATIONS,
    BASE,
    BYTES,
    CALL,
    COEFFICIENTS,
    RATES,
    Networks,
    RooflineFeatures,
    kernels_ms,
    roofline_features,
)
from vitnas.space.slots import Context

FOLDS = 10
RIDGE = 0.2
TIED_RIDGE = 0.3
DENSE = (KernelKind.conv, KernelKind.pointwise, KernelKind.linear)
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

    def chain_ms(
        self, blocks: Sequence[Context], table: Mapping[Context, Measured], traces: Mapping[Context, Trace]
    ) -> float:
        """Sum over blocks, measured where the table has them and predicted elsewhere."""
        return sum(
            table[b].latency_ms if b in table else self.block_ms(b.op, traces[b].kernels) for b in blocks
        )


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
    dense = np.array([not _reads_weights_once(traces[block].kernels) for block in blocks])
    samples = _Samples(features, truth, ops, dense if dense.any() else ~dense)
    values, factors = _fit(samples)
    folds = np.random.default_rng(0).permutation(len(blocks)) % FOLDS
    return BlockPredictor(
        dict(zip(COEFFICIENTS, values.tolist(), strict=True)),
        Prediction(factors, _error(samples, folds), _error(samples, ops)),
        bytes_per_element,
    )


@dataclass(frozen=True)
class _Samples:
    """Measured blocks: features, milliseconds, operators, and which say what dense work costs (n,)."""

    features: Sequence[RooflineFeatures]
    truth: NDArray[np.float64]
    ops: NDArray[np.str_]
    dense: NDArray[np.bool_]

    def rows(self, chosen: NDArray[np.bool_]) -> _Samples:
        """Some of them."""
        features = [f for f, inside in zip(self.features, chosen, strict=True) if inside]
        return _Samples(features, self.truth[chosen], self.ops[chosen], self.dense[chosen])


def _reads_weights_once(kernels: Sequence[Kernel]) -> bool:
    """Whether a linear layer here has one row of input."""
    return any(k.kind is KernelKind.linear and k.macs <= k.weight_elements for k in kernels)


def _fit(samples: _Samples) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Coefficients in the order of `COEFFICIENTS`, and the operators' factors."""
    used = samples.rows(samples.dense) if samples.dense.any() else samples
    counts = {op: int((used.ops == op).sum()) for op in np.unique(used.ops)}
    weight = np.array(
        [counts[op] ** -0.5 for op in used.ops]
    )  # an operator counts once, with many blocks too
    weight *= np.sqrt(len(used.ops) / len(counts))
    first = fit_roofline(used.features, used.truth, weight, ridge=RIDGE, prior=BLOCK_PRIOR)
    prior = _tied(first, used.features)
    values = fit_roofline(used.features, used.truth, weight, ridge=TIED_RIDGE, prior=prior)
    ratio = samples.truth / Networks(samples.features).latency_ms(values)
    return values, {str(op): float(np.median(ratio[samples.ops == op])) for op in np.unique(samples.ops)}


def _tied(values: NDArray[np.float64], features: Sequence[RooflineFeatures]) -> dict[str, float]:
    """Coefficients with one rate for all dense work: the mean of its classes, weighted by their MACs."""
    known = dict(zip(COEFFICIENTS, values.tolist(), strict=True))
    gmacs = np.zeros(len(COMPUTE_KINDS))
    for f in features:
        np.add.at(gmacs, f.kinds, f.gmacs * f.counts)
    share = {RATES[k]: gmacs[k] for k, kind in enumerate(COMPUTE_KINDS) if kind in DENSE}
    total = sum(share.values())
    if total > 0:
        mean = np.exp(sum(part * np.log(known[name]) for name, part in share.items()) / total)
        known.update(dict.fromkeys(share, float(mean)))
    return known


def _error(samples: _Samples, groups: NDArray[np.generic]) -> float:
    """Mean relative error on groups left out one by one; nan where one group is all there is."""
    if len(np.unique(groups)) < 2:
        return float("nan")
    errors = np.empty(len(samples.truth))
    for group in np.unique(groups):
        out = groups == group
        values, factors = _fit(samples.rows(~out))
        left = samples.rows(out)
        factor = np.array([factors.get(str(op), 1.0) for op in left.ops])
        errors[out] = np.abs(factor * Networks(left.features).latency_ms(values) / left.truth - 1)
    return float(errors.mean())
