"""Combined scores against loops over their definitions."""

from __future__ import annotations

import math
import statistics

import numpy as np

from vitnas.quality.combined import log_rank_sum, standard_sum

SCORES = np.random.default_rng(3).normal(size=(12, 3)) * [1.0, 50.0, 0.01]


def test_standard_sum_is_the_sum_of_standard_scores():
    for row, total in enumerate(standard_sum(SCORES)):
        parts = [
            (column[row] - statistics.fmean(column)) / statistics.pstdev(column)
            for column in SCORES.T.tolist()
        ]
        assert math.isclose(total, sum(parts), abs_tol=1e-12)


def test_log_rank_sum_is_that_of_the_paper():
    n = len(SCORES)
    for row, total in enumerate(log_rank_sum(SCORES)):
        ranks = [sum(other <= column[row] for other in column) for column in SCORES.T]
        assert math.isclose(total, sum(math.log(rank / n) for rank in ranks))


def test_one_bad_rank_costs_more_than_good_ones_earn():
    best_but_one = np.array([[4.0, 1.0], [3.0, 3.0], [2.0, 2.0], [1.0, 4.0]])
    assert log_rank_sum(best_but_one).argmax() == 1


def test_a_missing_score_is_no_rank_and_moves_no_other():
    holes = np.concatenate([SCORES, [[np.nan, 0.0, 0.0], [0.0, np.inf, 0.0]]])
    for combined in (standard_sum, log_rank_sum):
        assert np.isnan(combined(holes)[-2:]).all()
        np.testing.assert_allclose(combined(holes)[:-2], combined(SCORES))


def test_a_member_that_does_not_vary_adds_nothing():
    flat = np.column_stack([SCORES[:, 0], np.full(len(SCORES), 0.1)])
    np.testing.assert_allclose(standard_sum(flat), standard_sum(SCORES[:, :1]))


def test_no_score_at_all_is_nan():
    for combined in (standard_sum, log_rank_sum):
        assert np.isnan(combined(np.full((2, 2), np.nan))).all()
        assert len(combined(np.zeros((0, 2)))) == 0
