"""The running front over millions of candidates, and the memory of which ones were seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.pareto import first_non_dominated
from vitnas.space.activity import Genomes

Keys = NDArray[np.uint64]
COMPARED = 16_384  # candidates that are held against the front together, at least
_Rows = tuple[Genomes, Keys, NDArray[np.float64]]
_MAX_LOAD = 0.6  # beyond it, the probe sequences of a table with linear probing grow long


class Archive:
    """The mutually non-dominated candidates among all that were added, in the order they came.

    Of candidates with equal objectives the first is kept. What is kept does not depend on how the
    candidates were cut into batches: they are compared some thousands at a time, or when the front is read.

    Attributes:
        genomes: (n, G).
        keys: (n,), from ``Space.keys``.
        objectives: (n, M), minimised.
    """

    def __init__(self, genes: int, objectives: int) -> None:
        nothing = (np.zeros((0, genes), np.uint8), np.zeros(0, np.uint64), np.zeros((0, objectives)))
        self._parts: list[_Rows] = [nothing]  # the front, and what was added since it was found
        self._added = 0

    @property
    def genomes(self) -> Genomes:  # noqa: D102
        return self._front()[0]

    @property
    def keys(self) -> Keys:  # noqa: D102
        return self._front()[1]

    @property
    def objectives(self) -> NDArray[np.float64]:  # noqa: D102
        return self._front()[2]

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, genomes: Genomes, keys: Keys, objectives: NDArray[np.float64]) -> None:
        """Take in candidates; rows with a nan are left out."""
        assert len(genomes) == len(keys) == len(objectives)
        self._parts.append((genomes, keys, objectives))
        self._added += len(keys)
        if self._added > max(COMPARED, len(self._parts[0][1]) // 2):
            self._front()

    def _front(self) -> _Rows:
        if len(self._parts) > 1:
            genomes, keys, objectives = (np.concatenate(own) for own in zip(*self._parts, strict=True))
            keep = first_non_dominated(objectives)
            self._parts, self._added = [(genomes[keep], keys[keep], objectives[keep])], 0
        return self._parts[0]

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Arrays that ``restore`` takes back."""
        return {"genomes": self.genomes, "keys": self.keys, "objectives": self.objectives}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Become the archive that ``state`` was taken from."""
        kinds = {"genomes": np.uint8, "keys": np.uint64, "objectives": np.float64}
        genomes, keys, objectives = (np.array(state[name], dtype) for name, dtype in kinds.items())
        self._parts, self._added = [(genomes, keys, objectives)], 0


def first_of_each(keys: Keys) -> NDArray[np.intp]:
    """Positions of the first occurrence of each key, in the order of ``keys`` (n,)."""
    ordered = np.sort(keys)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return np.arange(len(keys))
    # a sort that keeps track of positions is ten times slower than one that does not: few rows need it
    nearest = repeated[np.minimum(np.searchsorted(repeated, keys), len(repeated) - 1)]
    rows = np.flatnonzero(nearest == keys)
    first = np.ones(len(keys), dtype=np.bool_)
    first[rows] = False
    first[rows[np.unique(keys[rows], return_index=True)[1]]] = True
    return np.flatnonzero(first)


class SeenKeys:
    """A set of 64-bit keys that takes and tests tens of thousands at a time.

    An open-addressing table: keys are hashes already, so their low bits are the address. Eight bytes a
    slot; 128 MiB for ten million keys.
    """

    def __init__(self, capacity: int = 1 << 12) -> None:
        self._table: Keys = np.zeros(1 << max(capacity - 1, 1).bit_length(), dtype=np.uint64)
        self._has_zero = False  # 0 marks an empty slot, so that key stands apart
        self._filled = 0

    def __len__(self) -> int:
        return self._filled + self._has_zero

    def add(self, keys: Keys) -> NDArray[np.bool_]:
        """Add ``keys`` (n,). True (n,) where a key is new; of equal keys in one call, the first is."""
        new = np.zeros(len(keys), dtype=np.bool_)
        first = first_of_each(keys)
        zero = first[keys[first] == 0]
        if len(zero):
            new[zero] = not self._has_zero
            self._has_zero = True
            first = first[keys[first] != 0]
        self._reserve(self._filled + len(first))
        fresh = self._insert(keys[first])
        self._filled += int(fresh.sum())
        new[first[fresh]] = True
        return new

    def contains(self, keys: Keys) -> NDArray[np.bool_]:
        """True (n,) where a key was added before."""
        found = np.zeros(len(keys), dtype=np.bool_)
        found[keys == 0] = self._has_zero
        last = np.uint64(len(self._table) - 1)
        rows = np.flatnonzero(keys)
        slots = keys[rows] & last
        while len(rows):
            stored = self._table[slots]
            found[rows] = stored == keys[rows]
            on = (stored != 0) & (stored != keys[rows])
            rows, slots = rows[on], (slots[on] + np.uint64(1)) & last
        return found

    def keys(self) -> Keys:
        """All keys, sorted."""
        stored = np.sort(self._table[self._table != 0])
        return np.concatenate([np.zeros(1, dtype=np.uint64), stored]) if self._has_zero else stored

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Arrays that ``restore`` takes back: eight bytes a key."""
        return {"keys": self.keys()}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Become the set that ``state`` was taken from."""
        keys = np.array(state["keys"], dtype=np.uint64)
        again = SeenKeys(2 * len(keys))
        again.add(keys)
        self._table, self._filled, self._has_zero = again._table, again._filled, again._has_zero

    def _insert(self, keys: Keys) -> NDArray[np.bool_]:
        """Put distinct, non-zero keys into a table with room; True where one was not there."""
        last = np.uint64(len(self._table) - 1)
        fresh = np.zeros(len(keys), dtype=np.bool_)
        rows, slots = np.arange(len(keys)), keys & last
        wanted = keys
        while len(rows):
            stored = self._table[slots]
            free = stored == 0
            self._table[slots[free]] = wanted[free]
            # of several keys that wrote to one free slot, one stays: read back which
            placed = free & (self._table[slots] == wanted)
            fresh[rows[placed]] = True
            on = ~placed & (stored != wanted)
            rows, wanted = rows[on], wanted[on]
            slots = (slots[on] + np.uint64(1)) & last
        return fresh

    def _reserve(self, filled: int) -> None:
        size = len(self._table)
        while filled > _MAX_LOAD * size:
            size *= 2
        if size > len(self._table):
            stored = self._table[self._table != 0]
            self._table = np.zeros(size, dtype=np.uint64)
            self._insert(stored)
