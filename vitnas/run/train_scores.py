"""Quality ``train`` in the loop: a round of candidates is trained whole, then told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import Costs
from vitnas.quality.trained import TRAIN
from vitnas.run.network_quality import Details
from vitnas.run.prepare import Setup
from vitnas.run.trainings import TrainBench
from vitnas.searching.box import Box
from vitnas.searching.objectives import QUALITY
from vitnas.space.activity import Genomes
from vitnas.store.evaluation import Evaluation

ROUND = 16  # trainings that are told together


def accuracies(records: Sequence[Evaluation]) -> NDArray[np.float64]:
    """Validation accuracy (n,) in per cent; nan where a training failed or was not asked for."""
    return np.array([(r.get("scores") or {}).get(TRAIN, math.nan) for r in records], dtype=np.float64)


def reasons(records: Sequence[Evaluation]) -> list[str]:
    """Why a training failed, for each record; empty where it did not."""
    return [record.get("failure", "") for record in records]


@dataclass(frozen=True)
class RatedTrainings:
    """A batch of trainings, see `scorer.Rated`."""

    bench: TrainBench
    genomes: Genomes

    @property
    def is_done(self) -> bool:
        """Whether all are over."""
        return all(self.bench.recall(self.genomes))

    @property
    def quality(self) -> NDArray[np.float64]:
        """(n,) validation accuracy in per cent; nan where a training failed."""
        return accuracies(self.bench.recall(self.genomes))

    @property
    def failures(self) -> dict[int, str]:
        """Row -> why its training failed."""
        said = reasons(self.bench.recall(self.genomes))
        return {row: reason for row, reason in enumerate(said) if reason}


class TrainScorer:
    """Trains candidates, a round at a time; see `scorer.Scorer`."""

    is_dear = True
    lag = 1

    def __init__(self, bench: TrainBench, batch: int) -> None:
        self.bench = bench
        self.batch = batch
        self._started: list[Genomes] = []

    def start(self, genomes: Genomes, costs: Costs) -> RatedTrainings:
        """Note what is to be trained."""
        self._started.append(genomes)
        return RatedTrainings(self.bench, genomes)

    def collect(self) -> None:
        """Train all that was noted."""
        genomes = np.concatenate(self._started)
        total = len(genomes)
        self.bench.measure(genomes, done=lambda n: self.bench.listener.count(n, total))
        self._started.clear()

    def cancel(self) -> None:
        """Forget what was noted."""
        self._started.clear()

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """One quality has none."""
        return None


class TrainScores:
    """Accuracies after brief trainings as the scores of a rung; see `rung_scores.RungScores`."""

    trains = True

    def __init__(self, bench: TrainBench) -> None:
        self.bench = bench
        self.notes = bench.notes

    def measure(self, genomes: Genomes, done: Callable[[int], None]) -> None:
        """Train networks."""
        self.bench.measure(genomes, done=done)

    def recall(self, genomes: Genomes) -> tuple[NDArray[np.float64], list[str]]:
        """The accuracies, as far as networks were trained, and why a training failed."""
        records = self.bench.recall(genomes)
        return accuracies(records), reasons(records)

    def details(self, genomes: Genomes) -> list[Details]:
        """After how many epochs, and whether the training was stopped early."""
        return self.bench.details(genomes)

    def close(self) -> None:
        """Remove what trainings alone needed."""
        self.bench.close()


def accuracy_box(setup: Setup, classes: int) -> Box:
    """The pool's box, with accuracies from chance to 100 %: no network is trained for it."""
    matrix = setup.problem.matrix(setup.table.price(setup.pool), np.zeros(len(setup.pool)))
    box = Box.of(matrix)
    best, worst = list(box.best), list(box.worst)
    for k, name in enumerate(setup.problem.objectives):
        if name == QUALITY:
            best[k], worst[k] = -100.0, -100.0 / classes
    return Box(tuple(best), tuple(worst))
