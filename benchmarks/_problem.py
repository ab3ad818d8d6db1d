"""The problem of the default search, for benchmarks that drive its parts by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.events import Silent
from vitnas.run.prepare import Setup, prepare
from vitnas.run.rating import fit_context
from vitnas.searching.config import SearchConfig
from vitnas.searching.loop import Loop
from vitnas.searching.pareto import Box
from vitnas.searching.scorer import GenomeScorer, Scorer
from vitnas.space.activity import Genomes

BUDGETS = (("max-latency", "1.6ms"), ("max-params", "13M"))


@dataclass(frozen=True)
class Bench:
    """Problem, quality and box; the same for every strategy that is run on it."""

    setup: Setup
    rate: Callable[[Genomes], NDArray[np.float64]]
    box: Box

    def loop(self, strategy: str, seed: int, scorer: Scorer | int, trials: int | None = None) -> Loop:
        """A fresh loop.

        Args:
            strategy: its name.
            seed: of the strategy alone.
            scorer: or how many candidates to ask the default quality for at once.
            trials: that the strategy may count on.
        """
        made: Any = plugins.load_plugin("strategy", strategy)(self.setup.problem, seed, planned=trials)
        rated = GenomeScorer(self.rate, scorer) if isinstance(scorer, int) else scorer
        return Loop(self.setup.problem, made, rated, seed)


def default_config(**changes: Any) -> SearchConfig:
    """``vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms --max-params 13M``."""
    return SearchConfig("efficientformer", "iphone12", budgets=BUDGETS, **changes)


def default_bench(**changes: Any) -> Bench:
    """The default search, with quality and box as a run with seed 0 has them."""
    setup = prepare(default_config(**changes), Silent())
    quality = setup.quality.fit(fit_context(setup))
    values = quality.score(setup.pool)
    box = Box.of(setup.problem.matrix(setup.table.price(setup.pool), values))
    return Bench(setup, quality.score, box)
