"""Genomes of a space as networks to measure: how a log names them, and what a line says of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vitnas.bench.bench import Bench, Job, Measuring
from vitnas.bench.task import Draws, NetworkTask, Record, check_first_pass
from vitnas.cost.columns import Costs, Plain
from vitnas.cost.table import CostTable
from vitnas.quality.base import Quality
from vitnas.quality.data.images import Images
from vitnas.space.activity import Genomes
from vitnas.store.evaluation import Evaluation
from vitnas.store.log import EvaluationLog
from vitnas.workers.pool import Workers

LOGGED = frozenset(Evaluation.__annotations__)  # of what workers find
Done = Callable[[int], object]


class GenomeBench:
    """One way to measure genomes of a space; each measured one is an `Evaluation` in the log.

    Args:
        table: prices genomes.
        bench: measures; others may use it as well.
        kind: what the log calls this way, behind the key of a genome.
        task: what workers do.
    """

    def __init__(self, table: CostTable, bench: Bench, kind: str, task: NetworkTask) -> None:
        self.table = table
        self.bench = bench
        self.kind = kind
        self.task = task

    def start(self, genomes: Genomes, costs: Costs | None = None, done: Done | None = None) -> Measuring:
        """Begin to measure canonical genomes (n, G); waits for nothing. Equal ones are measured once.

        Args:
            genomes: to measure.
            costs: theirs, if they are known.
            done: told how many are measured, whenever some more are.
        """
        batch = _Batch(self.table, genomes, costs)
        keys = self._keys(genomes)
        jobs = [_GenomeJob(key, self.task, genomes[k].tobytes(), batch, k) for k, key in enumerate(keys)]
        return self.bench.start(jobs, done)

    def wait(self) -> None:
        """Wait until more is measured; all that comes in at once is one write to the log."""
        self.bench.wait()

    def cancel(self) -> None:
        """Forget what is not measured yet."""
        self.bench.cancel()

    def measure(self, genomes: Genomes, done: Done | None = None) -> list[Evaluation]:
        """An evaluation for each genome (n, G); waits for all of them."""
        measuring = self.start(genomes, done=done)
        while not measuring.is_done:
            self.wait()
        return measuring.evaluations

    def recall(self, genomes: Genomes) -> list[Evaluation]:
        """What the log says of each genome (n, G) so measured; an empty evaluation where it says nothing."""
        return self.bench.recall(self._keys(genomes))

    def close(self) -> None:
        """Remove what measuring alone needed; what was measured can still be recalled."""

    def _keys(self, genomes: Genomes) -> list[str]:
        return [f"{key:016x}:{self.kind}" for key in self.table.space.keys(genomes).tolist()]


@dataclass(eq=False)
class _Batch:
    """Genomes that were asked for together; they are priced when the first of them is measured."""

    table: CostTable
    genomes: Genomes
    costs: Costs | None

    @functools.cached_property
    def rows(self) -> list[Plain]:
        return (self.costs or self.table.price(self.genomes)).plain()


@dataclass(eq=False, slots=True)
class _GenomeJob(Job):
    batch: _Batch
    position: int

    def line(self, found: Record) -> Record:
        """An `Evaluation`."""
        batch, position = self.batch, self.position
        genome = batch.genomes[position]
        line: Record = {
            "task": self.key,
            "id": found.get("id") or batch.table.space.decode(genome).id,
            "genome": genome.tolist(),
            "costs": batch.rows[position],
        }
        for name, value in found.items():
            if name in LOGGED:
                line[name] = value
        return line


class NetworkBench:
    """Measures built networks of a space, with the same workers, log and draws in every way.

    Args:
        table: of the space.
        workers: who measures.
        log: what was measured, and where it is kept.
        seed: of weights, images and labels.
        images: real ones that proxies see; None for Gaussian ones.
        device: where proxies compute.
    """

    def __init__(
        self,
        table: CostTable,
        workers: Workers,
        log: EvaluationLog,
        seed: int,
        *,
        images: Images | None = None,
        device: str = "cpu",
    ) -> None:
        self.table = table
        self.workers = workers
        self.log = log
        self._bench = Bench(workers, log)
        self._draws = Draws(seed, images=images.source if images else None, device=device)
        drawn = [images.fingerprint] if images else []
        self._drawn = [str(seed), *drawn, *([device] if device != "cpu" else [])]
        self._ways: dict[tuple[tuple[str, ...], bool], GenomeBench] = {}

    def by(self, qualities: Sequence[Quality], *, health: bool = False) -> GenomeBench:
        """Networks measured by several qualities in one go.

        Args:
            qualities: that rate networks.
            health: whether to check their first pass as well, see `check_first_pass`.
        """
        way = (tuple(quality.name for quality in qualities), health)
        if way not in self._ways:  # a task is one object, so that it travels once
            devices = tuple(self.table.devices)
            also = functools.partial(check_first_pass, devices=devices, seed=self._draws.seed)
            task = NetworkTask(tuple(qualities), self._draws, also=also if health else None)
            kind = ":".join(["+".join([*sorted(way[0]), *["health"] * health]), *self._drawn])
            self._ways[way] = GenomeBench(self.table, self._bench, kind, task.of_genomes(self.table.space))
        return self._ways[way]
