"""What the candidates of a space cost at the least and at the most."""

from __future__ import annotations

import numpy as np

from vitnas.cost.table import CostTable

SAMPLE = 20_000


def extremes(table: CostTable, cost: str, *, seed: int = 0) -> tuple[float, float]:
    """Least and largest value of a cost over the space.

    Steepest descent over single genes from the best of a random sample: exact where each gene pulls in
    one direction, which depth, width and expansion do.
    """
    sample = table.space.sample(SAMPLE, np.random.default_rng(seed))
    return _descend(table, cost, sample, 1.0), _descend(table, cost, sample, -1.0)


def _descend(table: CostTable, cost: str, sample: np.ndarray, sign: float) -> float:
    values = sign * table.price(sample)[cost]
    best = sample[values.argmin()]
    value = float(values.min())
    while True:
        near = table.space.neighbours(best)
        if not len(near):
            return sign * value
        values = sign * table.price(near)[cost]
        if values.min() >= value:
            return sign * value
        best, value = near[values.argmin()], float(values.min())
