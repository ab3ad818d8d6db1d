"""Rank sums against a naive version, and the faults of the released code that are not repeated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import rankdata

from vitnas.errors import NothingFeasible
from vitnas.scaling.select import choose, dense_ranks

PAIR = {"ntk": False, "length": True}  # whether higher is better


def test_rank_sums_are_scipys_dense_ranks():
    rng = np.random.default_rng(0)
    for _ in range(50):
        ntk, length = rng.integers(1, 6, (2, 9)).astype(float)
        expected = rankdata(ntk, "dense") + rankdata(-length, "dense")
        found = choose([{"ntk": a, "length": b} for a, b in zip(ntk, length, strict=True)], PAIR)
        assert list(found.rank_sums) == expected.tolist()
        assert expected[found.index] == expected.min()


def test_a_tie_is_broken_in_the_right_direction_over_all_tied_children():
    # sums 4, 4, 4, 5: lengths differ most, so the longest of all three wins; the released code takes the
    # smallest raw value, and never looks at the third
    rows = [(1.00, 1.0), (1.01, 2.0), (1.02, 9.0), (1.02, 2.0)]
    found = choose([{"ntk": a, "length": b} for a, b in rows], PAIR)
    assert found.rank_sums == (4, 4, 4, 5)
    assert (found.index, found.tied, found.decided_by) == (2, 3, "length")


def test_a_tie_goes_to_the_lower_kappa_where_kappas_differ_more():
    rows = [(1.0, 1.00), (50.0, 1.01)]
    found = choose([{"ntk": a, "length": b} for a, b in rows], PAIR)
    assert (found.index, found.decided_by) == (0, "ntk")


def test_equal_children_leave_the_first():
    found = choose([{"ntk": 1.0, "length": 2.0}] * 3, PAIR)
    assert (found.index, found.tied, found.decided_by) == (0, 3, "")


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_what_has_no_value_has_the_worst_rank(bad):
    broken = {"length": 9.0} if bad is None else {"length": 9.0, "ntk": bad}
    found = choose([broken, {"ntk": 3.0, "length": 9.0}, {"ntk": 4.0, "length": 8.0}], PAIR)
    assert found.rank_sums == (4, 2, 4)
    assert found.index == 1


def test_among_tied_children_one_that_failed_loses():
    found = choose([{"length": 9.0}, {"ntk": 5.0, "length": 8.0}], PAIR)  # sums 3 and 3
    assert found.rank_sums == (3, 3)
    assert found.index == 1


def test_no_score_at_all_is_an_error():
    with pytest.raises(NothingFeasible, match="none of 2 children has a score by ntk, length"):
        choose([{}, {"ntk": math.nan}], PAIR)


def test_dense_ranks():
    assert dense_ranks([3.0, None, 5.0, 3.0]) == [2, 3, 1, 2]
