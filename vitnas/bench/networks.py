"""Genomes of a space as networks to measure: how a log names them, and what a line says of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vitnas.bench.bench import Bench, Job, Measuring, Task
from vitnas.bench.task import Draws, NetworkTask, Record, check_first_pass
from vitnas.cost.pricer import Plain
from vitnas.cost.table import Costs, CostTable
from vitnas.quality.data.images import Images
from vitnas.space.activity import Genomes
from vitnas.space.space import Space
from vitnas.store.evaluation import Evaluation
from vitnas.store.log import EvaluationLog
from vitnas.workers.base import Workers

LOGGED = frozenset(Evaluation.__annotations__)  # of what workers find


def genome_keys(space: Space, genomes: Genomes, kind: str) -> list[str]:
    """What a log calls a kind of measuring each genome (n, G)."""
    return [f"{key:016x}:{kind}" for key in space.keys(genomes).tolist()]


def genome_jobs(
    table: CostTable, genomes: Genomes, kind: str, task: Task, costs: Costs | None = None
) -> list[Job]:
    """A job for each canonical genome (n, G); ``costs`` are theirs, if they are known."""
    batch = _Batch(table, genomes, costs)
    keys = genome_keys(table.space, genomes, kind)
    return [_GenomeJob(key, task, genomes[k].tobytes(), batch, k) for k, key in enumerate(keys)]


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
    """Measures networks of a space by proxies.

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
        self._tasks: dict[tuple[tuple[str, ...], bool], Task] = {}

    def start(
        self,
        genomes: Genomes,
        proxies: Sequence[str],
        *,
        health: bool = False,
        costs: Costs | None = None,
        done: Callable[[int], object] | None = None,
    ) -> Measuring:
        """Begin to measure genomes (n, G); ``costs`` are theirs, if they are known. Waits for nothing."""
        task = self._task(tuple(proxies), health)
        return self._bench.start(
            genome_jobs(self.table, genomes, self._kind(proxies, health), task, costs), done
        )

    def wait(self) -> None:
        """See `Bench.wait`."""
        self._bench.wait()

    def cancel(self) -> None:
        """See `Bench.cancel`."""
        self._bench.cancel()

    def measure(
        self,
        genomes: Genomes,
        proxies: Sequence[str],
        *,
        health: bool = False,
        done: Callable[[int], object] | None = None,
    ) -> list[Evaluation]:
        """An evaluation for each genome (n, G); waits for all of them.

        Args:
            genomes: canonical; equal ones are measured once.
            proxies: to score with.
            health: whether to check their health.
            done: called with the number of those that are measured.
        """
        measuring = self.start(genomes, proxies, health=health, done=done)
        while not measuring.is_done:
            self.wait()
        return measuring.evaluations

    def recall(self, genomes: Genomes, proxies: Sequence[str]) -> list[Evaluation]:
        """What `measure` has found for each genome (n, G) already; an empty one where it has not."""
        return self._bench.recall(genome_keys(self.table.space, genomes, self._kind(proxies, health=False)))

    def _kind(self, proxies: Sequence[str], health: bool) -> str:
        return ":".join(["+".join([*sorted(proxies), *(["health"] if health else [])]), *self._drawn])

    def _task(self, proxies: tuple[str, ...], health: bool) -> Task:
        """What workers are given to run; one object for each kind of task, so that it travels once."""
        kind = (proxies, health)
        if kind not in self._tasks:
            devices = tuple(self.table.devices)
            also = functools.partial(check_first_pass, devices=devices, seed=self._draws.seed)
            self._tasks[kind] = NetworkTask.of_genomes(
                self.table.space, proxies, self._draws, also if health else None
            )
        return self._tasks[kind]
