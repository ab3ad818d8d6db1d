"""Fronts: dominance, ranks, crowding, hypervolume, an even choice; all objectives are minimised.

``a`` dominates ``b`` if it is nowhere worse and somewhere better, so equal points do not dominate each
other. A row with a nan is no point: never non-dominated, ranked last, without volume.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Box:
    """Best and worst value of every objective over the run's pool; saved, so that its meaning stays.

    The hypervolume of a front is its share of this box; a front beyond the pool's best can pass 1.
    """

    best: tuple[float, ...]
    worst: tuple[float, ...]

    @classmethod
    def of(cls, objectives: NDArray[np.float64]) -> Box:
        """The box around objectives (n, M), minimised; nan rows are left out."""
        rows = objectives[np.isfinite(objectives).all(axis=1)]
        if not len(rows):
            return cls((0.0,) * objectives.shape[1], (1.0,) * objectives.shape[1])
        return cls(tuple(rows.min(axis=0).tolist()), tuple(rows.max(axis=0).tolist()))

    def hypervolume(self, objectives: NDArray[np.float64]) -> float:
        """Share of the box that a front (k, M) dominates."""
        if not len(objectives):
            return 0.0
        best, worst = np.array(self.best), np.array(self.worst)
        extent = np.where(worst > best, worst - best, 1.0)
        scaled = (objectives - best) / extent
        return float(hypervolume(scaled, np.ones(scaled.shape[1])))


def spread(objectives: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    """Positions of at most ``n`` rows of ``objectives`` (m, M) that cover the front evenly.

    The best row of every objective, then again and again the row farthest from those taken, in ranks of
    each objective (a front has long tails, which would take every place if distances were in units).
    Sorted by the second objective (a cost), then the others.
    """
    m = len(objectives)
    if m == 0:
        return np.zeros(0, np.intp)
    ranks = np.argsort(np.argsort(objectives, axis=0, kind="stable"), axis=0, kind="stable") / max(m - 1, 1)
    taken = list(dict.fromkeys(int(k) for k in np.argmin(objectives, axis=0)))[:n]
    distance = np.min([((ranks - ranks[k]) ** 2).sum(axis=1) for k in taken], axis=0)
    while len(taken) < min(n, m):
        far = int(distance.argmax())
        taken.append(far)
        distance = np.minimum(distance, ((ranks - ranks[far]) ** 2).sum(axis=1))
    picked = np.array(sorted(set(taken)), np.intp)
    keys = [objectives[picked, c] for c in range(objectives.shape[1])]
    order = np.lexsort((keys[0], *keys[:1:-1], keys[1] if len(keys) > 1 else keys[0]))
    return picked[order]
