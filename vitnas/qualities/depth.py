"""A baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.qualities._count import Count
from vitnas.quality.genomes.resources import depth_columns
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Lookup


class Depth(Count):
    """Number of blocks: beats most published proxies on small plain ViTs."""

    def __init__(self, table: CostTable) -> None:
        self._blocks = Lookup(depth_columns(table.space), sums=1)

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """The number of blocks (n,) of canonical genomes (n, G)."""
        return self._blocks(genomes)[:, 0]
