"""Grouped ridge regression against NumPy's least squares, a naive Gaussian process and leaving rows out."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.quality.genomes.fitted.ridge import (
    CONSTANT_VARIANCE,
    JITTER,
    GroupedRidge,
    LogNormal,
    _negative_evidence,
    fit_variances,
)

VARIANCES = np.array([0.7, 0.2, 0.3])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    y = x @ [1.0, -0.5, 0.2] + 0.1 * z[:, 0] + 0.3 * rng.normal(size=40)
    return [x, z], (y - y.mean()) / y.std()


def kernel(blocks, others, variances):
    pairs = zip(variances, blocks, others, strict=False)
    return sum(v * a @ b.T for v, a, b in pairs) + CONSTANT_VARIANCE


def test_weights_are_least_squares_with_a_penalty(data):
    blocks, y = data
    groups, constant = GroupedRidge(blocks, y, VARIANCES).weights
    x = np.concatenate([*blocks, np.ones((40, 1))], axis=1)
    noise = VARIANCES[-1] + JITTER
    penalty = np.sqrt(noise / np.repeat([0.7, 0.2, CONSTANT_VARIANCE], [3, 5, 1]))
    stacked = np.concatenate([x, np.diag(penalty)])  # the penalty as rows whose label is 0
    expected = np.linalg.lstsq(stacked, np.concatenate([y, np.zeros(9)]), rcond=None)[0]
    np.testing.assert_allclose([*groups[0], *groups[1], constant], expected, atol=1e-10)


def test_predictions_are_those_of_a_gaussian_process(data):
    blocks, y = data
    seen, held = [x[:30] for x in blocks], [x[30:] for x in blocks]
    covariance = kernel(seen, seen, VARIANCES) + (VARIANCES[-1] + JITTER) * np.eye(30)
    across = kernel(held, seen, VARIANCES)
    mean = across @ np.linalg.solve(covariance, y[:30])
    own = np.diag(kernel(held, held, VARIANCES)) + VARIANCES[-1] + JITTER
    variance = own - np.einsum("ij,ji->i", across, np.linalg.solve(covariance, across.T))
    ridge = GroupedRidge(seen, y[:30], VARIANCES)
    np.testing.assert_allclose(ridge.predict(held), mean, atol=1e-9)
    np.testing.assert_allclose(ridge.variance(held), variance, atol=1e-9)


def test_leaving_one_out_in_closed_form(data):
    blocks, y = data
    ridge = GroupedRidge(blocks, y, VARIANCES)
    for row in (0, 17, 39):
        rest = np.arange(40) != row
        without = GroupedRidge([x[rest] for x in blocks], y[rest], VARIANCES)
        own = [x[[row]] for x in blocks]
        assert ridge.left_out[row] == pytest.approx(without.predict(own)[0])
        assert ridge.left_out_variance[row] == pytest.approx(without.variance(own)[0])


def test_the_evidence_is_the_normal_density_and_its_gradient_is_right(data):
    from scipy.stats import multivariate_normal

    blocks, y = data
    kernels = np.stack([x @ x.T for x in blocks])
    value, gradient = _negative_evidence(kernels, y, VARIANCES)
    covariance = kernel(blocks, blocks, VARIANCES) + (VARIANCES[-1] + JITTER) * np.eye(40)
    density = multivariate_normal(np.zeros(40), covariance).logpdf(y)
    assert value == pytest.approx(-density - 20 * np.log(2 * np.pi))
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-5
        ends = [_negative_evidence(kernels, y, VARIANCES * np.exp(s * step))[0] for s in (1, -1)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-6)


def test_a_group_without_effect_gets_little_variance():
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(200, 2)), rng.normal(size=(200, 20))
    y = x @ [1.0, 1.0] + 0.2 * rng.normal(size=200)
    priors = [LogNormal(-1.0, 2.0)] * 2 + [LogNormal(-2.0, 1.0)]
    (used, useless, noise), _ = fit_variances([x, z], (y - y.mean()) / y.std(), priors)
    assert used > 50 * useless
    assert noise == pytest.approx(0.04 / y.var(), rel=0.4)


def test_picks_are_the_most_uncertain_one_after_the_other(data):
    blocks, y = data
    seen, held = [x[:10] for x in blocks], [x[10:] for x in blocks]
    picked = GroupedRidge(seen, y[:10], VARIANCES).pick(held, 5, [np.ones(30, bool)])
    assert len(set(picked)) == 5
    for k, row in enumerate(picked):  # naive: fit again with the earlier picks as rows, whatever their labels
        more = [np.concatenate([a, b[picked[:k]]]) for a, b in zip(seen, held, strict=True)]
        variance = GroupedRidge(more, np.zeros(10 + k), VARIANCES).variance(held)
        variance[picked[:k]] = -1
        assert row == int(np.argmax(variance))


def test_picks_take_turns_and_end_when_nothing_is_left(data):
    blocks, y = data
    ridge = GroupedRidge(blocks, y, VARIANCES)
    few = np.isin(np.arange(40), [3, 5])
    picked = ridge.pick(blocks, 6, [few, ~few])
    assert [bool(few[row]) for row in picked] == [True, False, True, False, False, False]
    assert len(ridge.pick(blocks, 99, [few])) == 2
