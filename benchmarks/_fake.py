"""Networks that cost nothing, through the real bench, log and loop."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _problem import Bench
from numpy.typing import NDArray

from vitnas.bench.networks import GenomeBench, NetworkBench
from vitnas.bench.task import Item, NetworkTask
from vitnas.quality.base import Quality, Record
from vitnas.run.bench_scorer import BenchScorer, asks_of
from vitnas.run.rating import Rating
from vitnas.searching.loop import Loop
from vitnas.space.activity import Genomes
from vitnas.space.space import Space
from vitnas.store.log import EvaluationLog
from vitnas.workers.pool import Workers

PROXY = "fake"
Rate = Callable[[Genomes], NDArray[np.float64]]


class Nothing(NetworkTask):
    """Builds nothing."""

    def __call__(self, item: Item) -> dict[str, Any]:
        """A record as a worker returns it, at once: score and id are a hash of the genome."""
        assert isinstance(item[0], bytes)
        digits = zlib.crc32(item[0])
        return {"id": f"{digits:012x}", "scores": {PROXY: digits / 2**32}, "failures": {}, "seconds": 0.0}


class Decoding(NetworkTask):
    """Decodes a genome and hashes the network, but builds nothing."""

    def __call__(self, item: Item) -> dict[str, Any]:
        """As `Nothing`, with the id that a worker finds."""
        return {**Nothing(())(item), **self.find(*item)}


@functools.cache
def decoding(space: Space) -> NetworkTask:
    """One object for all candidates."""
    return Decoding(()).of_genomes(space)


class FakeBench(NetworkBench):
    """The real one, but for what workers run."""

    free: NetworkTask = Nothing(())

    def by(self, qualities: Sequence[Quality], *, health: bool = False) -> GenomeBench:
        """The same keys and lines, and tasks that are free."""
        real = super().by(qualities, health=health)
        return GenomeBench(self.table, real.bench, real.kind, self.free)


class FakeQuality(Quality):
    """What is told is ``truth``, whatever workers have answered."""

    rates = "networks"
    name = PROXY

    def __init__(self, truth: Rate) -> None:
        self.truth = truth

    def rate(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64]:
        """(n,)"""
        assert all(PROXY in record["scores"] for record in records)
        return self.truth(genomes)


def fake_loop(
    bench: Bench,
    workers: Workers,
    log: EvaluationLog,
    strategy: str,
    in_flight: int,
    *,
    networks: type[NetworkBench] = FakeBench,
    ordered: bool = True,
) -> Loop:
    """A loop over networks that cost nothing."""
    quality = FakeQuality(bench.rate)
    evidence = networks(bench.setup.table, workers, log, seed=0).by([quality])
    scorer = BenchScorer(Rating(quality, evidence), *asks_of(in_flight, late=True, ordered=ordered))
    loop = bench.loop(strategy, 0, scorer)
    loop.ordered = ordered
    return loop


def open_log(folder: str | Path) -> EvaluationLog:
    """A log in a folder."""
    return EvaluationLog(Path(folder) / "evaluations.jsonl")
