from __future__ import annotations

import json

import numpy as np
import pytest

from vitnas.quality.genomes.fitted.rescale import LabelWarp, candidate_powers

LABELS = 70 + np.random.default_rng(0).gumbel(size=200)


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0, -0.6])
def test_there_and_back(power):
    warp = LabelWarp.of(LABELS, power)
    y = warp.forward(LABELS)
    assert y.mean() == pytest.approx(0, abs=1e-9) and y.std() == pytest.approx(1)
    np.testing.assert_allclose(warp.backward(y), LABELS, rtol=1e-6)
    assert LabelWarp.from_dict(json.loads(json.dumps(warp.to_dict()))) == warp


@pytest.mark.parametrize("power", [0.0, 1.0, -0.6])
def test_order_is_kept_beyond_the_labels(power):
    labels = LabelWarp.of(LABELS, power).backward(np.linspace(-20, 20, 2001))
    assert np.isfinite(labels).all() and (np.diff(labels) > 0).all()


@pytest.mark.parametrize("power", [0.3, -1.0])
def test_the_slope_is_the_derivative(power):
    warp = LabelWarp.of(LABELS, power)
    step = 1e-5
    slopes = (warp.forward(LABELS + step) - warp.forward(LABELS - step)) / (2 * step)
    constant = len(LABELS) * np.log(LABELS.std())
    assert np.log(slopes).sum() + constant == pytest.approx(warp.log_slope(LABELS), rel=1e-6)


def test_the_longer_tail_decides_the_sign():
    assert all(power < 0 for power in candidate_powers(LABELS))
    assert all(power > 0 for power in candidate_powers(-LABELS))
