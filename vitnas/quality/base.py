"""What a quality is: something that is maximised. It rates genomes by the million or networks one by one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitnas.space.activity import Genomes


@runtime_checkable
class GenomeQuality(Protocol):
    """Rates genomes without building a network, in well under a microsecond each.

    The qualities that look at built networks are proxies: see ``vitnas.quality.proxies``.
    """

    name: str
    notes: tuple[str, ...]  # what a reader of the scores should know; one line each

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Quality (n,) of canonical genomes (n, G); higher is better, always finite."""
        ...

    def state(self) -> dict[str, Any]:
        """All that the scores' meaning rests on, as JSON: the run keeps it and gives it to ``restore``."""
        ...
