"""Statistics against scipy and against loops; samples against their strata."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from vitnas.check import agreement as truth
from vitnas.quality.shape import depths_and_widths, shape_columns, stratified


def made_up(n=60, levels=7, seed=0):
    """Scores and labels with ties, that agree a little."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(levels, size=n).astype(float)
    return scores, np.round(0.3 * scores + rng.normal(size=n), 1)


def test_tau_spearman_and_regret_are_those_of_loops():
    scores, labels = made_up()
    found = truth.agreement(scores, labels, scores[:, None], resamples=20)
    pairs = list(itertools.combinations(range(len(scores)), 2))
    signs = [(np.sign(scores[i] - scores[j]), np.sign(labels[i] - labels[j])) for i, j in pairs]
    agreeing = sum(a * b for a, b in signs)
    tau = agreeing / math.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))
    assert found.tau == pytest.approx(tau, abs=1e-12)
    assert found.spearman == pytest.approx(stats.spearmanr(scores, labels).statistic, abs=1e-12)
    best = [label for score, label in zip(scores, labels, strict=True) if score == max(scores)]
    assert found.regret == pytest.approx(max(labels) - sum(best) / len(best))
    assert found.median_regret == pytest.approx(max(labels) - np.median(labels))
    assert found.n == 60


def test_resamples_are_scipys():
    scores, labels = made_up(n=40)
    rng = np.random.default_rng(5)
    rows = [rng.integers(40, size=40) for _ in range(60)]
    counts = np.stack([np.bincount(r, minlength=40) for r in rows]).astype(np.float32)
    found = truth.weighted_taus(scores, labels, counts, block=17)  # the last block is smaller
    expected = [stats.kendalltau(scores[r], labels[r]).statistic for r in rows]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    low, high = truth.tau_interval(scores, labels, seed=5, resamples=60)
    assert (low, high) == pytest.approx(np.quantile(expected, [0.025, 0.975]))


def test_an_interval_covers_as_often_as_it_says():
    """Independent values have a tau of 0, which 95 % of the intervals should hold."""
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        low, high = truth.tau_interval(rng.normal(size=80), rng.normal(size=80), seed=seed, resamples=200)
        held += low <= 0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_the_regression_is_that_of_the_normal_equations():
    rng = np.random.default_rng(1)
    shape = rng.normal(size=(50, 3))
    values = shape @ [1.0, -2.0, 0.5] + rng.normal(size=50)
    design = np.column_stack([np.ones(50), shape])
    fitted = design @ np.linalg.solve(design.T @ design, design.T @ values)
    r2, left = truth.regress(values, np.column_stack([shape, shape[:, 0] * 2 + 3, np.ones(50)]))
    assert r2 == pytest.approx(1 - ((values - fitted) ** 2).sum() / ((values - values.mean()) ** 2).sum())
    np.testing.assert_allclose(left, values - fitted, atol=1e-10)
    labels = values + rng.normal(size=50)
    expected = stats.kendalltau(
        values - fitted, labels - design @ np.linalg.lstsq(design, labels, rcond=None)[0]
    )
    found = truth.agreement(values, labels, shape, resamples=10)
    assert found.residual_tau == pytest.approx(expected.statistic)


def test_what_is_not_defined_is_nan():
    scores, labels = made_up()
    shape = scores[:, None]
    exact = truth.agreement(2 * scores + 1, labels, shape, resamples=10)
    assert exact.r2_shape == pytest.approx(1)
    assert math.isnan(exact.residual_tau), "nothing but rounding is left over"
    constant = truth.agreement(np.full(60, 0.1), labels, shape, resamples=10)
    assert all(math.isnan(v) for v in (constant.tau, constant.tau_low, constant.spearman, constant.r2_shape))
    assert constant.regret == pytest.approx(labels.max() - labels.mean())
    wide = np.random.default_rng(0).normal(size=(60, 30))
    assert math.isnan(truth.agreement(scores, labels, wide, resamples=10).r2_shape), "too few rows"
    few = truth.agreement(scores[:9], labels[:9], shape[:9])
    assert few.n == 9
    assert math.isnan(few.tau)


def test_rows_without_a_score_or_label_are_left_out():
    scores, labels = made_up()
    holes, gaps = scores.copy(), labels.copy()
    holes[3], gaps[7] = np.nan, np.nan
    kept = np.delete(np.arange(60), [3, 7])
    shape = np.arange(60.0)[:, None]
    found = truth.agreement(holes, gaps, shape, resamples=10)
    assert found == truth.agreement(scores[kept], labels[kept], shape[kept], resamples=10)
    assert found.n == 58


@pytest.fixture
def vit(plain_vit):
    space, _ = plain_vit(
        width={"choice": [64, 128, 192]},
        repeat={"choice": [2, 3, 4]},
        mlp_ratio={"choice": [2, 4]},
        heads={"choice": [1, 2]},
    )
    return space


def test_the_shape_of_networks(vit):
    genomes = vit.sample(100, np.random.default_rng(0))
    depth, total = depths_and_widths(vit, genomes)
    networks = [vit.decode(genome) for genome in genomes]
    assert depth.tolist() == [sum(len(list(s.blocks())) for s in a.stages) for a in networks]
    assert total.tolist() == [a.stages[0].width * len(list(a.stages[0].blocks())) for a in networks]
    columns = shape_columns(vit, genomes)
    assert columns.shape == (100, 6), "depth: logarithm and two categories; width, expansion, attention"
    for exact in (depth == 3, np.log(total / depth), np.log(depth)):
        r2, _ = truth.regress(exact.astype(float), columns)
        assert r2 == pytest.approx(1)


def test_a_sample_keeps_the_shares_of_its_strata(vit):
    genomes = vit.sample(200, np.random.default_rng(0))
    groups = tuple("ab"[k % 4 == 0] for k in range(200))
    rows = stratified(vit, genomes, groups, 40, np.random.default_rng(1))
    assert len(set(rows.tolist())) == 40
    assert rows.tolist() == sorted(rows.tolist())
    depth, total = depths_and_widths(vit, genomes)
    for values in (depth, total / depth, np.array(groups)):
        for level in np.unique(values):
            share, ours = (values == level).mean(), (values[rows] == level).mean()
            assert ours == pytest.approx(share, abs=0.1)
    again = stratified(vit, genomes, groups, 40, np.random.default_rng(1))
    assert again.tolist() == rows.tolist()
    assert stratified(vit, genomes, groups, 200, np.random.default_rng(1)).tolist() == list(range(200))
    assert len(stratified(vit, genomes, groups, 10, np.random.default_rng(1))) == 10
