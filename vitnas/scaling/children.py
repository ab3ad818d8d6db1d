"""Scores of the children of a family, on workers, each a durable line of the run's log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitnas.bench.bench import Bench, Job
from vitnas.bench.task import Draws, NetworkTask, Record
from vitnas.events import Listener
from vitnas.quality.proxy import ProxyQuality
from vitnas.scaling.relative_capacity import RelativeCapacity
from vitnas.scaling.rule import Child, Scores
from vitnas.scaling.scale_config import ScaleConfig
from vitnas.store.log import EvaluationLog
from vitnas.workers.pool import Workers

CAPACITY = "capacity"
FOUND = ("scores", "spreads", "failures", "seconds", "failure")  # what a line says of a measured child


def step_key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a line of the log is known by."""
    return record.get("step"), record.get("child"), record.get("outcome")


@dataclass(eq=False, slots=True)
class _ChildJob(Job):
    head: dict[str, Any]

    def line(self, found: Record) -> Record:
        """What is known of a child, and what was found."""
        return self.head | {name: found[name] for name in FOUND if name in found}


class ScaleBench:
    """Measures children, and writes down what became of every one; a line that is there is not made again.

    The log is the state of a run: a resumed one makes the same children again, and takes from here what was
    measured before.

    Args:
        config: of the run.
        workers: who measures.
        log: of the run, whose key is `step_key`.
        listener: told how many children are measured.
        capacity: decides between children in the place of proxies.
    """

    def __init__(
        self,
        config: ScaleConfig,
        workers: Workers,
        log: EvaluationLog,
        listener: Listener,
        capacity: RelativeCapacity | None = None,
    ) -> None:
        self.config = config
        self.log = log
        self.listener = listener
        self.capacity = capacity
        self._bench = Bench(workers, log)

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Of everything that decides between children."""
        names = self.config.deciding
        return {name: ProxyQuality(name).higher_is_better for name in names} or {CAPACITY: True}

    def record(self, *lines: Mapping[str, Any]) -> None:
        """Write lines, except those that are there."""
        new: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for line in lines:
            if step_key(line) not in self.log:
                new.setdefault(step_key(line), line)
        if new:
            self.log.append_many(new.values())

    def score(self, step: int, children: Sequence[Child]) -> list[Scores]:
        """Scores of each child by what decides: proxies on workers, or capacity, which needs no network."""
        if self.capacity is None:
            return self.measure(step, children, self.config.deciding)
        scores = [{CAPACITY: self.capacity.score(child.architecture)} for child in children]
        self.record(*({**_scored(step, c), "scores": s} for c, s in zip(children, scores, strict=True)))
        return list(scores)

    def measure(self, step: int, children: Sequence[Child], proxies: Sequence[str]) -> list[Scores]:
        """Scores of each child by proxies; those that failed are left out, and the log says why."""
        config = self.config
        draws = Draws(config.seed, config.chosen["repeats"], images=config.images, device=config.device)
        task = NetworkTask(tuple(map(ProxyQuality, proxies)), draws)
        jobs = []
        for child in children:
            head, network = _scored(step, child), child.measured or child.architecture
            jobs.append(_ChildJob(step_key(head), task, network.to_dict(), head))
        lines = self._bench.measure(jobs, lambda done: self.listener.count(done, len(jobs)))
        return [_finite(line.get("scores") or {}) for line in lines]


def _scored(step: int, child: Child) -> dict[str, Any]:
    measured = child.measured or child.architecture
    return {
        "step": step,
        "child": child.architecture.id,
        "measured": measured.id,
        "move": child.move,
        "outcome": "scored",
    }


def _finite(scores: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if value is not None and math.isfinite(value)}
