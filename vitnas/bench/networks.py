"""Measuring built networks on workers, each result a durable line of the log."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from vitnas.bench.task import Work, merged, run_task
from vitnas.cost.pricer import Plain
from vitnas.cost.table import Costs, CostTable
from vitnas.quality.data.images import Images
from vitnas.space.activity import Genomes
from vitnas.store.evaluation import Evaluation
from vitnas.store.log import EvaluationLog
from vitnas.workers.base import Failure, Workers


@dataclass(eq=False)
class Measuring:
    """Genomes under way.

    Attributes:
        records: of those that are measured; None for the others.
        missing: how many those are.
    """

    records: list[Evaluation | None]
    missing: int

    @property
    def is_done(self) -> bool:
        """Whether all are measured."""
        return not self.missing

    @property
    def evaluations(self) -> list[Evaluation]:
        """One for each genome, once all are measured."""
        assert self.is_done
        return cast(list[Evaluation], self.records)


@dataclass(eq=False)
class _Network:
    """One network under way."""

    task: str
    genome: bytes
    costs: Plain
    turns: int
    results: dict[int, Evaluation | Failure] = field(default_factory=dict)
    wanted: list[tuple[Measuring, int]] = field(default_factory=list)  # and at which position

    def hand_out(self, evaluation: Evaluation) -> None:
        for measuring, position in self.wanted:
            measuring.records[position] = evaluation
            measuring.missing -= 1


class NetworkBench:
    """Measures networks on workers and remembers them through the log: nothing is measured twice.

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
        self.seed = seed
        self.images = images
        self.device = device
        self._functions: dict[tuple[tuple[str, ...], bool], functools.partial[Evaluation]] = {}
        self._running: dict[str, _Network] = {}  # by task
        self._tickets: dict[int, tuple[_Network, int]] = {}  # and the turn

    def start(
        self,
        genomes: Genomes,
        proxies: Sequence[str],
        *,
        health: bool = False,
        costs: Costs | None = None,
    ) -> Measuring:
        """Begin to measure genomes (n, G); ``costs`` are theirs, if they are known. Waits for nothing."""
        found = Measuring([None] * len(genomes), len(genomes))
        names = self._names(genomes, proxies, health)
        rows: list[Plain] = []
        for position, task in enumerate(names):
            network = self._running.get(task)
            if network is None and (known := self.log.find(task)) is not None:
                found.records[position] = cast(Evaluation, known)
                found.missing -= 1
                continue
            if network is None:
                rows = rows or (costs or self.table.price(genomes)).plain()
                network = self._submit(task, genomes[position].tobytes(), rows[position], proxies, health)
            network.wanted.append((found, position))
        return found

    def _submit(
        self, task: str, genome: bytes, costs: Plain, proxies: Sequence[str], health: bool
    ) -> _Network:
        function = self._function(proxies, health)
        turns = function.args[0].turns
        network = self._running[task] = _Network(task, genome, costs, len(turns))
        for turn in turns:
            self._tickets[self.workers.submit(function, (genome, turn))] = (network, turn)
        return network

    def wait(self) -> None:
        """Wait until more is measured; all that comes in at once is one write to the log."""
        results = self.workers.wait()
        assert results or not self._running, "workers lost a task"
        finished: list[_Network] = []
        for ticket, result in results:
            network, turn = self._tickets.pop(ticket)
            network.results[turn] = result
            if len(network.results) == network.turns:
                finished.append(network)
        evaluations = [self._evaluation(network) for network in finished]
        if evaluations:
            self.log.append_many(evaluations)
        for network, evaluation in zip(finished, evaluations, strict=True):
            del self._running[network.task]
            network.hand_out(evaluation)

    def _evaluation(self, network: _Network) -> Evaluation:
        genome = np.frombuffer(network.genome, np.uint8)
        found = merged([network.results[turn] for turn in sorted(network.results)])
        name = found["id"] if "id" in found else self.table.space.decode(genome).id
        own = Evaluation(task=network.task, id=name, genome=genome.tolist(), costs=network.costs)
        own.update(found)
        return own

    def cancel(self) -> None:
        """Forget what is not measured yet."""
        self.workers.cancel()
        self._running.clear()
        self._tickets.clear()

    def measure(
        self,
        genomes: Genomes,
        proxies: Sequence[str],
        *,
        health: bool = False,
        done: Callable[[int], None] | None = None,
    ) -> list[Evaluation]:
        """An evaluation for each genome (n, G); waits for all of them.

        Args:
            genomes: canonical; equal ones are measured once.
            proxies: to score with.
            health: whether to check their health.
            done: called with the number of those that are measured.
        """
        measuring = self.start(genomes, proxies, health=health)
        while not measuring.is_done:
            before = measuring.missing
            self.wait()
            if done is not None and measuring.missing < before:
                done(len(genomes) - measuring.missing)
        return measuring.evaluations

    def recall(self, genomes: Genomes, proxies: Sequence[str]) -> list[Evaluation]:
        """What `measure` has found for each genome (n, G) already; an empty one where it has not."""
        names = self._names(genomes, proxies, health=False)
        return [cast(Evaluation, self.log.find(name) or {}) for name in names]

    def _names(self, genomes: Genomes, proxies: Sequence[str], health: bool) -> list[str]:
        """What the log calls measuring each genome (n, G)."""
        wanted = "+".join([*sorted(proxies), *(["health"] if health else [])])
        drawn = [self.images.fingerprint] if self.images else []
        where = [self.device] if self.device != "cpu" else []
        end = ":".join([wanted, str(self.seed), *drawn, *where])
        return [f"{key:016x}:{end}" for key in self.table.space.keys(genomes).tolist()]

    def _function(self, proxies: Sequence[str], health: bool) -> functools.partial[Evaluation]:
        """What workers are given to run; one object for each kind of task, so that it travels once."""
        kind = (tuple(proxies), health)
        if kind not in self._functions:
            document = {k: v for k, v in self.table.space.document.items() if k != "references"}
            work = Work(
                document,
                *kind,
                devices=tuple(self.table.devices) if health else (),
                seed=self.seed,
                images=self.images.source if self.images else None,
                torch_device=self.device,
            )
            self._functions[kind] = functools.partial(run_task, work)
        return self._functions[kind]
