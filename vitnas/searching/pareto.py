"""Dominance, ranks, crowding and hypervolume; all objectives are minimised.

``a`` dominates ``b`` if it is nowhere worse and somewhere better, so equal points do not dominate each
other. A row with a nan is no point: never non-dominated, ranked last, without volume.
"""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray

Objectives = NDArray[np.float64]  # (n, M), minimised
UNRANKED = np.iinfo(np.int32).max  # rank of a row with a nan, or beyond ``stop_after``
_SWEEP_MAX_OBJECTIVES = 3  # up to here ranking everything at once is faster than front after front


def non_dominated(objectives: Objectives) -> NDArray[np.bool_]:
    """Which rows (n,) of ``objectives`` (n, M) no other row dominates; all copies of a point are kept."""
    return _front(objectives, keep_weakly=True)


def first_non_dominated(objectives: Objectives) -> NDArray[np.bool_]:
    """As ``non_dominated``, but of equal rows only the first is kept."""
    return _front(objectives, keep_weakly=False)


def _front(objectives: Objectives, keep_weakly: bool) -> NDArray[np.bool_]:
    mask = np.zeros(len(objectives), dtype=np.bool_)
    rows = np.flatnonzero(~np.isnan(objectives).any(axis=1))
    if len(rows):
        mask[rows] = moocore.is_nondominated(objectives[rows], keep_weakly=keep_weakly)
    return mask


def ranks(objectives: Objectives, stop_after: int | None = None) -> NDArray[np.int32]:
    """The number of the front (n,) that each row of ``objectives`` (n, M) lies on, from 0.

    Args:
        objectives: values to minimise.
        stop_after: whole fronts are numbered until this many rows are, at least; the others may be
            left at ``UNRANKED``.
    """
    n, columns = objectives.shape
    out = np.full(n, UNRANKED, dtype=np.int32)
    left = np.flatnonzero(~np.isnan(objectives).any(axis=1))
    enough = len(left) if stop_after is None else min(stop_after, len(left))
    front = placed = 0
    while placed < enough:
        if columns <= _SWEEP_MAX_OBJECTIVES and (front or stop_after is None):
            out[left] = front + moocore.pareto_rank(objectives[left])
            break
        best = moocore.is_nondominated(objectives[left], keep_weakly=True)
        out[left[best]] = front
        placed += int(best.sum())
        left = left[~best]
        front += 1
    return out


def crowding(objectives: Objectives, fronts: NDArray[np.int32] | None = None) -> NDArray[np.float64]:
    """Crowding distance (n,) of each row among the rows of its own front; larger is lonelier.

    The sum over objectives of the gap between a point's two neighbours, relative to the front's extent;
    infinite at the ends (Deb et al. 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II").

    Args:
        objectives: (n, M), finite.
        fronts: the front (n,) of each row, as from ``ranks``; None if all rows are one front.
    """
    n, columns = objectives.shape
    front = np.zeros(n, dtype=np.int32) if fronts is None else fronts
    distance = np.zeros(n)
    if n == 0:
        return distance
    for column in range(columns):
        values = objectives[:, column]
        order = np.lexsort((values, front))
        here, which = values[order], front[order]
        starts = np.flatnonzero(np.diff(which, prepend=which[0] - 1))
        ends = np.append(starts[1:], n) - 1
        extent = np.repeat(here[ends] - here[starts], ends - starts + 1)
        gap = np.zeros(n)
        gap[1:-1] = here[2:] - here[:-2]
        gap = np.divide(gap, extent, out=np.zeros(n), where=extent > 0)
        gap[starts] = np.inf
        gap[ends] = np.inf
        distance[order] += gap
    return distance


def hypervolume(objectives: Objectives, reference: NDArray[np.float64]) -> float:
    """The volume that the rows of ``objectives`` (n, M) dominate, up to the point ``reference`` (M,)."""
    points = objectives[~np.isnan(objectives).any(axis=1)]
    if len(points) == 0:
        return 0.0
    return float(moocore.hypervolume(points, np.asarray(reference, dtype=np.float64)))
