"""Scores of a table's networks: by proxies, by sums of them, and by counts that need no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.check.score_log import Scored
from vitnas.cost.table import CostTable
from vitnas.quality.combined import log_rank_sum, standard_sum
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.proxy import ProxyQuality
from vitnas.quality.shape import depths_and_widths
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

BASELINES = ("params", "macs", "depth", "widths")
ALWAYS = (*BASELINES, "capacity")  # scores that need no network: they stand in every check
SUMS = {"log-rank": log_rank_sum, "standard": standard_sum}


@dataclass(frozen=True)
class Score:
    """Scores of the rows, higher is better.

    Attributes:
        values: (n,) nan where there is none.
        kind: proxy, baseline (a count) or quality (a closed form).
        seconds: per architecture.
        failures: networks that it could not score.
        failure: why not the first of them.
        resolution_px: side of the images; None where it needs none.
    """

    name: str
    kind: str
    values: NDArray[np.float64]
    seconds: float
    failures: int = 0
    failure: str = ""
    resolution_px: int | None = None


def count_scores(space: Space, genomes: Genomes) -> list[Score]:
    """What needs no network, of genomes (n, G), which are also the pool of ``capacity``."""
    table = CostTable.cached(space)
    capacity = CapacityFormula.fit(space, table, genomes)
    found = [
        _timed("params", "baseline", lambda: table.price(genomes)["params"]),
        _timed("macs", "baseline", lambda: table.price(genomes)["macs"]),
        _timed("depth", "baseline", lambda: depths_and_widths(space, genomes)[0]),
        _timed("widths", "baseline", lambda: depths_and_widths(space, genomes)[1]),
        _timed(ALWAYS[-1], "quality", lambda: capacity.score(genomes)),
    ]
    assert tuple(score.name for score in found) == ALWAYS
    return found


def _timed(name: str, kind: str, compute: Callable[[], NDArray[np.float64]]) -> Score:
    started = time.perf_counter()
    values = compute()
    return Score(name, kind, values, (time.perf_counter() - started) / max(len(values), 1))


def score_of(name: str, rows: Sequence[Scored]) -> Score:
    """One proxy, turned so that higher is better."""
    sign = 1.0 if ProxyQuality(name).higher_is_better else -1.0
    values = np.array([np.nan if row.score is None else sign * row.score for row in rows])
    reasons = [row.failure for row in rows if row.score is None]
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return Score(
        name,
        "proxy",
        values,
        float(np.mean(seconds)) if seconds else float("nan"),
        len(reasons),
        reasons[0] if reasons else "",
        next((row.resolution_px for row in rows if row.resolution_px), None),
    )


def sum_of(name: str, members: Sequence[Score], combine: str) -> Score:
    """Several scores as one, over the networks that all of them could score."""
    values = SUMS[combine](np.stack([member.values for member in members], axis=1))
    return Score(
        name,
        "proxy",
        values,
        sum(member.seconds for member in members),
        int(np.isnan(values).sum()),
        next((member.failure for member in members if member.failure), ""),
        next((member.resolution_px for member in members if member.resolution_px), None),
    )
