"""Scores of a table's networks: by proxies, by sums of them, and by counts that need no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.check.score_log import Entry
from vitnas.cost.table import CostTable
from vitnas.formats.resolution import Resolution
from vitnas.quality.combined import log_rank_sum, standard_sum
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.proxy import ProxyQuality
from vitnas.quality.shape import depths_and_widths
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

SUMS = {"log-rank": log_rank_sum, "standard": standard_sum}
COUNTS = {**dict.fromkeys(("params", "macs", "depth", "widths"), "baseline"), "capacity": "quality"}  # kind


@dataclass(frozen=True)
class Score:
    """Scores of the rows, higher is better.

    Attributes:
        values: (n,) nan where there is none.
        kind: proxy, baseline (a count) or quality (a closed form).
        seconds: per architecture.
        failure: why the first network without a score has none.
        resolution_px: of the images; None where it needs none.
    """

    name: str
    kind: str
    values: NDArray[np.float64]
    seconds: float
    failure: str = ""
    resolution_px: Resolution | None = None


def count_scores(space: Space, genomes: Genomes) -> list[Score]:
    """What needs no network, of genomes (n, G), which are also the pool of ``capacity``."""
    table = CostTable.cached(space)
    capacity = CapacityFormula.fit(space, table, genomes)
    rules = {
        "params": lambda: table.price(genomes)["params"],
        "macs": lambda: table.price(genomes)["macs"],
        "depth": lambda: depths_and_widths(space, genomes)[0],
        "widths": lambda: depths_and_widths(space, genomes)[1],
        "capacity": lambda: capacity.score(genomes),
    }
    return [_timed(name, kind, rules[name]) for name, kind in COUNTS.items()]


def _timed(name: str, kind: str, compute: Callable[[], NDArray[np.float64]]) -> Score:
    started = time.perf_counter()
    values = compute()
    return Score(name, kind, values, (time.perf_counter() - started) / max(len(values), 1))


def score_of(name: str, rows: Sequence[Entry]) -> Score:
    """One proxy, turned so that higher is better."""
    sign = 1.0 if ProxyQuality(name).higher_is_better else -1.0
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    return Score(
        name,
        "proxy",
        np.array([np.nan if row["score"] is None else sign * row["score"] for row in rows]),
        float(np.mean(seconds)) if seconds else float("nan"),
        next((row["failure"] for row in rows if row["score"] is None), ""),
        next((row["resolution_px"] for row in rows if row["resolution_px"]), None),
    )


def sum_of(name: str, members: Sequence[Score], combine: str) -> Score:
    """Several scores as one, over the networks that all of them could score."""
    return Score(
        name,
        "proxy",
        SUMS[combine](np.stack([member.values for member in members], axis=1)),
        sum(member.seconds for member in members),
        next((member.failure for member in members if member.failure), ""),
        next((member.resolution_px for member in members if member.resolution_px), None),
    )
