"""From a front of thousands to the few networks that are worth files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
