from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitnas.searching.archive import COMPARED, Archive, SeenKeys, first_of_each
from vitnas.searching.pareto import first_non_dominated

Candidates = tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.float64]]


def candidates(n: int, columns: int, seed: int) -> Candidates:
    rng = np.random.default_rng(seed)
    objectives = rng.integers(0, 12, size=(n, columns)).astype(np.float64)
    objectives[rng.random(n) < 0.05, 0] = np.nan
    genomes = rng.integers(0, 5, size=(n, 6)).astype(np.uint8)
    return genomes, np.arange(n, dtype=np.uint64) + np.uint64(1), objectives


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_the_front_does_not_depend_on_batch_boundaries(seed: int, columns: int, sizes: list[int]) -> None:
    genomes, keys, objectives = candidates(sum(sizes), columns, seed)
    archive = Archive(6, columns)
    start = 0
    for size in sizes:
        stop = start + size
        archive.add(genomes[start:stop], keys[start:stop], objectives[start:stop])
        start = stop
    expected = first_non_dominated(objectives)
    assert archive.keys.tolist() == keys[expected].tolist()
    assert (archive.genomes == genomes[expected]).all()
    assert (archive.objectives == objectives[expected]).all()


def test_of_equal_rows_the_first_stays() -> None:
    archive = Archive(1, 2)
    one = np.zeros((3, 1), np.uint8)
    archive.add(one, np.array([1, 2, 3], np.uint64), np.array([[2.0, 2.0], [3.0, 3.0], [2.0, 2.0]]))
    assert archive.keys.tolist() == [1]
    more = np.array([[2.0, 2.0], [1.0, 5.0], [np.nan, 0.0]])
    archive.add(one, np.array([4, 5, 6], np.uint64), more)
    assert archive.keys.tolist() == [1, 5]


def test_candidates_are_compared_long_before_they_fill_the_memory() -> None:
    archive = Archive(1, 1)
    for k in range(40):
        values = np.arange(1000.0)[:, None] - k
        archive.add(np.zeros((1000, 1), np.uint8), np.arange(1000, dtype=np.uint64), values)
        assert sum(len(keys) for _, keys, _ in archive._parts) <= 1 + COMPARED
    assert archive.objectives.tolist() == [[-39.0]]


def test_archive_state_goes_on_as_if_uninterrupted() -> None:
    genomes, keys, objectives = candidates(300, 3, 4)
    whole = Archive(6, 3)
    whole.add(genomes, keys, objectives)
    half, resumed = Archive(6, 3), Archive(6, 3)
    half.add(genomes[:100], keys[:100], objectives[:100])
    resumed.restore(half.state())
    resumed.add(genomes[100:], keys[100:], objectives[100:])
    assert resumed.keys.tolist() == whole.keys.tolist()


# few distinct keys with equal low bits, so that slots collide; 0 is the key that marks empty slots
KEY = st.one_of(st.integers(0, 6), st.integers(0, 6).map(lambda k: k << 40), st.integers(0, 2**64 - 1))
KEYS = st.lists(st.lists(KEY), max_size=6)


@settings(max_examples=200, deadline=None)
@given(KEYS)
def test_seen_keys_are_a_set(batches: list[list[int]]) -> None:
    seen, known = SeenKeys(capacity=4), set[int]()
    for batch in batches:
        expected = []
        for key in batch:
            expected.append(key not in known)
            known.add(key)
        assert seen.add(np.array(batch, dtype=np.uint64)).tolist() == expected
        assert len(seen) == len(known)
    assert seen.keys().tolist() == sorted(known)
    resumed = SeenKeys()
    resumed.restore(seen.state())
    assert len(resumed) == len(known)
    assert resumed.contains(seen.keys()).all()


@pytest.mark.parametrize("n", [10, 100_000])
def test_contains_does_not_add(n: int) -> None:
    keys = np.random.default_rng(3).integers(0, 2**63, size=n).astype(np.uint64)
    seen = SeenKeys()
    seen.add(keys[: n // 2])
    assert seen.contains(keys).tolist() == [True] * (n // 2) + [False] * (n - n // 2)
    assert len(seen) == n // 2
    assert seen.contains(np.zeros(1, np.uint64)).tolist() == [False]


@given(st.lists(KEY))
def test_first_of_each_keeps_the_order(keys: list[int]) -> None:
    expected = [row for row, key in enumerate(keys) if key not in keys[:row]]
    assert first_of_each(np.array(keys, dtype=np.uint64)).tolist() == expected
