from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from vitnas.searching.pareto import UNRANKED, crowding, first_non_dominated, hypervolume, non_dominated, ranks

# few distinct values, so that ties and equal rows are common
VALUES = st.sampled_from([0.0, 1.0, 2.5, 4.0, np.nan])
GRIDS = st.integers(1, 5).flatmap(
    lambda m: hnp.arrays(np.float64, st.tuples(st.integers(0, 25), st.just(m)), elements=VALUES)
)


def naive_ranks(objectives: NDArray[np.float64]) -> NDArray[np.int32]:
    out = np.full(len(objectives), UNRANKED, dtype=np.int32)
    left = [i for i, row in enumerate(objectives) if not np.isnan(row).any()]
    front = 0
    while left:
        best = [i for i in left if not any(naive_dominates(objectives[j], objectives[i]) for j in left)]
        out[best] = front
        left = [i for i in left if i not in best]
        front += 1
    return out


def naive_dominates(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool((a <= b).all() and (a < b).any())


@settings(max_examples=300, deadline=None)
@given(GRIDS)
def test_ranks_are_those_of_the_definition(objectives: NDArray[np.float64]) -> None:
    expected = naive_ranks(objectives)
    assert ranks(objectives).tolist() == expected.tolist()
    assert non_dominated(objectives).tolist() == (expected == 0).tolist()


@settings(max_examples=200, deadline=None)
@given(GRIDS)
def test_of_equal_points_the_first_is_kept(objectives: NDArray[np.float64]) -> None:
    front = non_dominated(objectives)
    seen: set[tuple[float, ...]] = set()
    expected = []
    for row, on_front in zip(map(tuple, objectives.tolist()), front, strict=True):
        expected.append(bool(on_front) and row not in seen)
        seen.add(row)
    assert first_non_dominated(objectives).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(GRIDS, st.integers(0, 30))
def test_stopping_early_ranks_enough_and_all_rightly(objectives: NDArray[np.float64], enough: int) -> None:
    expected, found = naive_ranks(objectives), ranks(objectives, stop_after=enough)
    placed = found != UNRANKED
    assert (found[placed] == expected[placed]).all()
    assert placed.sum() >= min(enough, (expected != UNRANKED).sum())
    if placed.any() and (~placed).any():  # whole fronts only
        assert expected[~placed].min() > found[placed].max()


def test_four_objectives_agree_with_the_definition_on_many_points() -> None:
    objectives = np.random.default_rng(0).integers(0, 6, size=(150, 4)).astype(np.float64)
    assert ranks(objectives).tolist() == naive_ranks(objectives).tolist()


def test_crowding_is_the_relative_gap_between_neighbours() -> None:
    # (0,10) (1,6) (4,2) (10,0): inner gaps (4/10 + 8/10) and (9/10 + 6/10)
    objectives = np.array([[4.0, 2.0], [0.0, 10.0], [10.0, 0.0], [1.0, 6.0]])
    assert crowding(objectives) == pytest.approx([1.5, np.inf, np.inf, 1.2])


def test_crowding_of_a_front_ignores_the_other_fronts() -> None:
    rng = np.random.default_rng(1)
    objectives = rng.normal(size=(60, 3))
    fronts = ranks(objectives)
    together = crowding(objectives, fronts)
    for front in np.unique(fronts):
        rows = fronts == front
        assert together[rows] == pytest.approx(crowding(objectives[rows]))


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_crowding_of_equal_points_is_finite_inside(n: int) -> None:
    distance = crowding(np.ones((n, 2)))
    assert not np.isnan(distance).any()
    assert (distance[1:-1] == 0).all()


def test_hypervolume_counts_the_dominated_cells() -> None:
    rng = np.random.default_rng(2)
    points = rng.integers(0, 8, size=(12, 3)).astype(np.float64)
    reference = np.array([6.0, 7.0, 6.0])  # some points lie outside
    cells = sum(
        any((point <= cell).all() for point in points)
        for cell in map(np.array, itertools.product(range(6), range(7), range(6)))
    )
    assert hypervolume(points, reference) == pytest.approx(cells)


def test_hypervolume_ignores_repeats_nan_and_emptiness() -> None:
    points = np.array([[1.0, 1.0], [1.0, 1.0], [np.nan, 0.0]])
    assert hypervolume(points, np.array([3.0, 2.0])) == pytest.approx(2.0)
    assert hypervolume(points[:0], np.array([3.0, 2.0])) == 0.0
    assert hypervolume(np.array([[1.0], [2.0]]), np.array([4.0])) == pytest.approx(3.0)
