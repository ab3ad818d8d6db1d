"""Measuring networks on workers: each result is a durable line of a log, and nothing is measured twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vitnas.bench.task import NetworkTask, Record, merged
from vitnas.workers.pool import Failure, Workers

Line = Mapping[str, Any]


class Log(Protocol):
    """What a bench remembers through: an `EvaluationLog`, or what keeps lines in another way."""

    def find(self, key: Any, /) -> Line | None:
        """The line of a key; None if there is none."""
        ...

    def append_many(self, records: Iterable[Line], /) -> None:
        """Add lines with one wait for the disk."""
        ...


@dataclass(eq=False, slots=True)
class Job:
    """A network to measure.

    Attributes:
        key: what the log finds it by.
        task: what workers do; the same object for many jobs.
        item: the network, as the task takes it.
    """

    key: Hashable
    task: NetworkTask
    item: Any

    def line(self, found: Record) -> Line:
        """What the log gets of what was found: ``failure`` alone where a worker gave no result."""
        return found


@dataclass(eq=False)
class Measuring:
    """Networks under way.

    Attributes:
        records: lines of those that are measured; None for the others.
        missing: how many those are.
        done: told how many are measured, whenever some more are.
    """

    records: list[Any]
    missing: int
    done: Callable[[int], object] | None = None

    @property
    def is_done(self) -> bool:
        """Whether all are measured."""
        return not self.missing

    @property
    def evaluations(self) -> list[Any]:
        """One line for each network, once all are measured."""
        assert self.is_done
        return self.records

    def tell(self) -> None:
        """Say how many are measured."""
        if self.done is not None:
            self.done(len(self.records) - self.missing)


@dataclass(eq=False, slots=True)
class Network:
    """One network under way, and who waits for it, at which position."""

    job: Job
    results: dict[int, Record | Failure] = field(default_factory=dict)  # by turn
    wanted: list[tuple[Measuring, int]] = field(default_factory=list)


class Bench:
    """Measures networks on workers.

    Args:
        workers: who measures.
        log: what was measured, and where it is kept; None remembers nothing.
    """

    def __init__(self, workers: Workers, log: Log | None = None) -> None:
        self.workers = workers
        self.log = log
        self._running: dict[Hashable, Network] = {}
        self._tickets: dict[int, tuple[Network, int]] = {}  # and the turn

    def start(self, jobs: Sequence[Job], done: Callable[[int], object] | None = None) -> Measuring:
        """Begin to measure; waits for nothing. Jobs of one key are one."""
        found = Measuring([None] * len(jobs), len(jobs), done)
        for position, job in enumerate(jobs):
            network = self._running.get(job.key)
            if network is None:
                known = self.find(job.key)
                if known is not None:
                    found.records[position] = known
                    found.missing -= 1
                    continue
                network = self._running[job.key] = Network(job)
                self._submit(network)
            network.wanted.append((found, position))
        return found

    def find(self, key: Hashable) -> Line | None:
        """What was measured before; None if nothing was."""
        return None if self.log is None else self.log.find(key)

    def _submit(self, network: Network) -> None:
        job = network.job
        for turn in job.task.turns:
            self._tickets[self.workers.submit(job.task, (job.item, turn))] = (network, turn)

    def wait(self) -> None:
        """Wait until more is measured; all that comes in at once is one write to the log."""
        results = self.workers.wait()
        assert results or not self._running, "workers lost a task"
        finished: list[Network] = []
        for ticket, result in results:
            network, turn = self._tickets.pop(ticket)
            network.results[turn] = result
            if len(network.results) == len(network.job.task.turns):
                finished.append(network)
        self._finish([(n, merged([n.results[turn] for turn in sorted(n.results)])) for n in finished])

    def _finish(self, finished: Sequence[tuple[Network, Record]]) -> None:
        """Write down what was found, then hand it out."""
        if not finished:
            return
        lines = [network.job.line(found) for network, found in finished]
        self._keep(lines)
        waiting: dict[Measuring, None] = {}
        for (network, _), line in zip(finished, lines, strict=True):
            del self._running[network.job.key]
            for measuring, position in network.wanted:
                measuring.records[position] = line
                measuring.missing -= 1
                waiting[measuring] = None
        for measuring in waiting:
            measuring.tell()

    def _keep(self, lines: Sequence[Line]) -> None:
        if self.log is not None:
            self.log.append_many(lines)

    def cancel(self) -> None:
        """Forget what is not measured yet."""
        self.workers.cancel()
        self._running.clear()
        self._tickets.clear()

    def measure(self, jobs: Sequence[Job], done: Callable[[int], object] | None = None) -> list[Any]:
        """A line for each job; waits for all of them. ``done`` is told how many are measured."""
        measuring = self.start(jobs, done)
        while not measuring.is_done:
            self.wait()
        return measuring.evaluations

    def recall(self, keys: Iterable[Hashable]) -> list[Any]:
        """The lines of keys; an empty one where there is none."""
        return [self.find(key) or {} for key in keys]
