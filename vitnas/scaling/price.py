"""Costs of many similar architectures: each distinct block is traced once."""

from __future__ import annotations

import numpy as np

from vitnas.arch.schema import Architecture
from vitnas.cost.priced import Figures
from vitnas.cost.pricer import BlockPricer, Plain, plain_rows
from vitnas.errors import InvalidArchitecture
from vitnas.space.chain import chain


class NetworkPricer:
    """Prices networks by their blocks, as `vitnas.cost.pricer.price_architecture` does by the whole.

    A network is built on the way, block by block on the meta device: what has a price can be built.
    """

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._blocks = BlockPricer(figures)
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
            rows = np.array([self._blocks.row(block) for block in chain(architecture)])
        except InvalidArchitecture:
            _build(architecture)  # says which block it is
            raise
        added = len(self.figures.counts) + len(self.figures.timed)
        priced = np.array([*rows.sum(axis=0)[:added], rows[:, added].max()])
        return plain_rows(self.figures.columns(priced[:, None]))[0]


def _build(architecture: Architecture) -> None:
    import torch

    from vitnas.arch.build import build

    with torch.device("meta"):
        build(architecture)
