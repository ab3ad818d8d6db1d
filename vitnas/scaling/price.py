"""Costs of many similar architectures: each distinct block is traced once."""

from __future__ import annotations

import numpy as np

from vitnas.arch.schema import Architecture
from vitnas.cost.figures import COUNTS, Figures
from vitnas.cost.pricer import BlockPricer, Plain, plain_values, times_of
from vitnas.errors import InvalidArchitecture
from vitnas.space.chain import chain


class NetworkPricer:
    """Prices networks by their blocks, as `vitnas.cost.pricer.price_architecture` does by the whole.

    A network is built on the way, block by block on the meta device: what has a price can be built.
    """

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._blocks = BlockPricer(figures.timed)
        self._known: dict[str, Plain] = {}

    def price(self, architecture: Architecture) -> Plain:
        """Costs under the names of `Figures`.

        Raises:
            InvalidArchitecture: it cannot be built; the message names the block.
        """
        if architecture.id not in self._known:
            self._known[architecture.id] = self._priced(architecture)
        return dict(self._known[architecture.id])

    def _priced(self, architecture: Architecture) -> Plain:
        try:
            rows = np.array([self._blocks.figures(block) for block in chain(architecture)])
        except InvalidArchitecture:
            _build(architecture)  # says which block it is
            raise
        timed = len(self.figures.timed)
        sums, peak = rows.sum(axis=0), rows[:, len(COUNTS) + timed].max()
        values = dict(zip(COUNTS, map(float, sums), strict=False))
        found = times_of(self.figures, [sums[len(COUNTS) + k, None] for k in range(timed)], 1)
        values |= {name: float(times[0]) for name, times in found.items()}
        values |= {name: float(peak * size) for name, size in self.figures.bytes_an_element.items()}
        return plain_values(values)


def _build(architecture: Architecture) -> None:
    import torch

    from vitnas.arch.build import build

    with torch.device("meta"):
        build(architecture)
