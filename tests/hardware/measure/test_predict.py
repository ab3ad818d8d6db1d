"""Prices of blocks that a table lacks."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.cost.pricer import trace_block
from vitnas.errors import InvalidData
from vitnas.hardware.measure.predict import BLOCK_PRIOR, fit_predictor
from vitnas.hardware.measure.reduce import calibrate
from vitnas.hardware.profile.block_table import Measured
from vitnas.hardware.roofline.roofline import kernels_ms, roofline_features
from vitnas.space.files import load_space
from vitnas.space.slots import list_slots


def blocks_of(name: str):
    known = {}

    def outputs(block):
        if block not in known:
            known[block] = trace_block(block)
        return known[block][1]

    for slot in list_slots(load_space(name).template, outputs):
        for block in slot.table.entries:
            if block is not None:
                outputs(block)
    return {block: trace for block, (trace, _) in known.items()}


@pytest.fixture(scope="module")
def truth():
    """A machine whose dense work has one rate; a head takes ten times as long as its kernels say."""
    return {**BLOCK_PRIOR, "move_ms_per_mb": 0.05, "matmul_ms_per_gmac": 0.3}


def times(traces, truth, head: float) -> dict:
    found = {}
    for block, trace in traces.items():
        ms = kernels_ms(roofline_features(trace.kernels, 4), truth)
        found[block] = Measured(ms * (head if block.op == "pooled_classifier" else 1.0), 0.0, 30)
    return found


@pytest.mark.parametrize("space", ["efficientformer", "efficientformer_v1"])
def test_blocks_of_operators_that_it_has_not_seen(truth, space):
    """The first holds no linear layer but the classifier's."""
    seen, unseen = blocks_of(space), blocks_of("vit")
    predictor = fit_predictor(times(seen, truth, head=10.0), seen, 4)
    true_ms = np.array([kernels_ms(roofline_features(t.kernels, 4), truth) for t in unseen.values()])
    said = np.array([predictor.block_ms(b.op, t.kernels) for b, t in unseen.items()])
    assert np.median(np.abs(said / true_ms - 1)) < 0.02
    assert predictor.summary.factors["pooled_classifier"] == pytest.approx(10, rel=0.05)
    assert predictor.summary.error < 0.01
    assert predictor.summary.unseen_error > predictor.summary.error


def test_a_block_that_it_has_seen_is_priced_as_measured(truth):
    seen = blocks_of("efficientformer_v1")
    table = times(seen, truth, head=10.0)
    predictor = fit_predictor(table, seen, 4)
    ratio = np.array([predictor.block_ms(b.op, seen[b].kernels) / table[b].latency_ms for b in seen])
    assert np.quantile(np.abs(ratio - 1), 0.9) < 0.05


def test_networks_whose_noise_hides_their_blocks_still_give_a_scale():
    """A larger network that was faster by chance makes the best slope negative."""
    sums_ms = np.array([1.0, 2.0, 3.0])
    calibration = calibrate(sums_ms, np.array([3.0, 2.0, 1.5]), base_ms=0.1)
    assert calibration.base_ms == 0 and 0.3 < calibration.scale < 1.5
    with pytest.raises(InvalidData, match="took no time at all"):
        calibrate(0 * sums_ms, np.array([3.0, 2.0, 1.5]), base_ms=0.1)
