"""Scores of the children of a family, on workers, each a durable line of the run's log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.events import Listener
from vitnas.quality.measure import load_proxy
from vitnas.scaling.config import ScaleConfig
from vitnas.scaling.relative_capacity import RelativeCapacity
from vitnas.scaling.rule import Child, Scores
from vitnas.store.log import EvaluationLog
from vitnas.workers.base import Failure, Workers

CAPACITY = "capacity"


def score_task(task: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker does: build a network and measure it."""
    import torch

    from vitnas.quality.data.images import load_images
    from vitnas.quality.measure import measure

    if task["device"] == "cpu":
        torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
    measured = measure(
        Architecture.from_dict(task["architecture"]),
        task["proxies"],
        seed=task["seed"],
        repeats=task["repeats"],
        images=load_images(task["images"]) if task["images"] else None,
        device=task["device"],
    )
    return {
        "scores": dict(measured.scores),
        "spreads": dict(measured.spreads),
        "failures": dict(measured.failures),
        "seconds": measured.seconds,
    }


class ScaleBench:
    """Measures children, and writes down what became of every one; a line that is there is not made again.

    The log is the state of a run: a resumed one makes the same children again, and takes from here what was
    measured before.
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
        self.workers = workers
        self.log = log
        self.listener = listener
        self.capacity = capacity
        self._lines = {_key(record): record for record in log.records()}

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Of everything that decides between children."""
        names = self.config.deciding
        return {name: load_proxy(name).higher_is_better for name in names} or {CAPACITY: True}

    def record(self, line: Mapping[str, Any]) -> None:
        """Write a line, unless it is there."""
        if _key(line) not in self._lines:
            self._lines[_key(line)] = dict(line)
            self.log.append(line)

    def score(self, step: int, children: Sequence[Child]) -> list[Scores]:
        """Scores of each child by what decides: proxies on workers, or capacity, which needs no network."""
        if self.capacity is not None:
            scores = [{CAPACITY: self.capacity.score(child.architecture)} for child in children]
            for child, row in zip(children, scores, strict=True):
                self.record(_scored(step, child) | {"scores": row})
            return list(scores)
        return self.measure(step, children, self.config.deciding)

    def measure(self, step: int, children: Sequence[Child], proxies: Sequence[str]) -> list[Scores]:
        """Scores of each child by proxies; those that failed are left out, and the log says why."""
        found: dict[int, Mapping[str, Any]] = {}
        for k, child in enumerate(children):
            known = self._lines.get(_key(_scored(step, child)))
            if known is not None:
                found[k] = known
        missing = [k for k in range(len(children)) if k not in found]
        tasks = [self._task(children[k], proxies) for k in missing]
        for position, result in self.workers.map(score_task, tasks):
            k = missing[position]
            line = _scored(step, children[k])
            line |= {"failure": result.reason} if isinstance(result, Failure) else result
            self.record(line)
            found[k] = line
            self.listener.count(len(found), len(children))
        return [_finite(found[k].get("scores") or {}) for k in range(len(children))]

    def seconds(self) -> float:
        """Spent on measuring, over all workers and all lives of the run."""
        return float(sum(record.get("seconds") or 0.0 for record in self._lines.values()))

    def _task(self, child: Child, proxies: Sequence[str]) -> dict[str, Any]:
        return {
            "architecture": (child.measured or child.architecture).to_dict(),
            "proxies": list(proxies),
            "seed": self.config.seed,
            "repeats": self.config.setting("repeats"),
            "images": self.config.images,
            "device": self.config.device,
        }


def _scored(step: int, child: Child) -> dict[str, Any]:
    measured = child.measured or child.architecture
    return {
        "step": step,
        "child": child.architecture.id,
        "measured": measured.id,
        "move": child.move,
        "outcome": "scored",
    }


def _key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record.get("step"), record.get("child"), record.get("outcome")


def _finite(scores: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if value is not None and math.isfinite(value)}
