"""Brief trainings of candidates, each a durable line of the log."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from vitnas.arch.schema import Architecture
from vitnas.bench.bench import Measuring
from vitnas.cost.table import Costs
from vitnas.events import Listener
from vitnas.quality.data.decoded import CHUNK, decode, open_decoded
from vitnas.run.prepare import Setup
from vitnas.run.train_settings import brief_settings, shares
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of
from vitnas.store.evaluation import Evaluation
from vitnas.store.folder import RunFolder
from vitnas.store.log import EvaluationLog
from vitnas.training.brief import BriefSettings, train_briefly
from vitnas.workers.base import Workers
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune import run_trainings
from vitnas.workers.tune_ledger import Training

TRAIN = "train"  # name of the score, and in the keys of the log
TRAININGS = "trainings"  # of a run folder: checkpoints and decoded images


def train_candidate(
    settings: BriefSettings,
    recipe: Mapping[str, Any],
    item: Mapping[str, Any],
    folder: Path,
    report: Callable[[int, float], None],
) -> None:
    """What a worker does: build a network, train it, report each epoch."""
    architecture = Architecture.from_dict(item["architecture"])
    data = open_decoded(Path(item["images"]))
    train_briefly(architecture, data, settings, recipe, folder, report)


class TrainBench:
    """Trains networks briefly and remembers them through the log: no training is done twice.

    Args:
        setup: of the run, with data.
        folder: the run's; checkpoints stand under ``trainings/`` until their training is in the log.
        log: what was trained, and where it is kept.
        workers: how many trainings run at once, and what each may use.
        listener: watches.
        pool: the run's other workers, which rest meanwhile.
    """

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        log: EvaluationLog,
        workers: int | WorkerSettings,
        listener: Listener,
        pool: Workers | None = None,
    ) -> None:
        assert setup.data is not None
        self.setup = setup
        self.data = setup.data
        self.folder = folder.path / TRAININGS
        self.log = log
        self.workers = shares(setup.config, workers)
        self.listener = listener
        self.pool = pool
        self.settings = brief_settings(setup.config, self.workers)
        self.early_stop = setup.config.early_stop is not False
        self._started: list[tuple[Genomes, Measuring]] = []
        self._past: dict[str, list[float]] = {}  # task -> accuracies, of all trainings that were asked for

    def start(self, genomes: Genomes, costs: Costs) -> Measuring:
        """Note what is to be trained (n, G)."""
        records = self.recall(genomes)
        started = Measuring([record or None for record in records], sum(not record for record in records))
        self._started.append((genomes, started))
        return started

    def wait(self) -> None:
        """Train all that was noted."""
        total = sum(len(genomes) for genomes, _ in self._started)
        genomes = np.concatenate([genomes for genomes, _ in self._started])
        self.measure(genomes, lambda n: self.listener.count(n, total))
        for own, started in self._started:
            started.records, started.missing = [*self.recall(own)], 0
        self._started.clear()

    def cancel(self) -> None:
        """Forget what was noted."""
        self._started.clear()

    def measure(self, genomes: Genomes, done: Callable[[int], object] | None = None) -> list[Evaluation]:
        """An evaluation for each genome (n, G): ``scores["train"]`` is the validation accuracy in per cent.

        A record also has the ``epochs`` that were trained, the ``accuracies`` after each of them, whether it
        was ``stopped`` early, ``seconds``, and where it failed a ``failure`` and no scores. Trainings under
        way when the process dies go on from their last epoch when the same is asked again.

        Args:
            genomes: canonical; equal ones are trained once.
            done: called with the number of genomes whose training is over.

        Raises:
            MissingExtra: Ray Tune is not installed.
            InvalidData: an image cannot be read.
            RunError: the run folder cannot be written, or a worker cannot see it.
        """
        names = self._names(genomes)
        for name in names:
            if name not in self._past and (known := self.log.find(name)) is not None:
                self._past[name] = known.get("accuracies", [])
        missing = {name: k for k, name in enumerate(names) if name not in self._past}
        if missing:
            self._train(genomes, missing, lambda: done and done(sum(name in self._past for name in names)))
        return [cast(Evaluation, self.log.find(name)) for name in names]

    def recall(self, genomes: Genomes) -> list[Evaluation]:
        """What is known of each genome (n, G); an empty one where it was not trained."""
        return [cast(Evaluation, self.log.find(name) or {}) for name in self._names(genomes)]

    def _train(self, genomes: Genomes, missing: Mapping[str, int], done: Callable[[], object]) -> None:
        space = self.setup.problem.space
        plans = {name: space.decode(genomes[k]) for name, k in missing.items()}
        tasks = {plan.id: name for name, plan in plans.items()}
        costs = self.setup.table.price(genomes)

        def finished(own: str, training: Training) -> None:
            name = tasks[own]
            k = missing[name]
            record = Evaluation(task=name, id=own, genome=genomes[k].tolist(), costs=costs.row(k))
            record.update(self._outcome(training))
            self.log.append(record)
            self._past[name] = training.values
            shutil.rmtree(self.folder / own, ignore_errors=True)
            done()

        images = self._decoded({(plan.resolution_px, plan.in_channels) for plan in plans.values()})
        items = {
            plan.id: {
                "architecture": plan.to_dict(),
                "images": str(images[plan.resolution_px, plan.in_channels].resolve()),
            }
            for plan in plans.values()
        }
        at_once = self.workers.number
        self.listener.stage(
            "training",
            f"{len(items)} networks, {'at most ' * self.early_stop}{self.settings.epochs} epochs each"
            + (f", {at_once} at once" if at_once else ""),
        )
        if self.pool is not None:
            self.pool.rest()
        run_trainings(
            functools.partial(train_candidate, self.settings, recipe_of(space)),
            items,
            self.folder,
            self.workers,
            epochs=self.settings.epochs,
            early_stop=self.early_stop,
            history=[values for values in self._past.values() if values],
            finished=finished,
        )

    def _decoded(self, kinds: set[tuple[int, int]]) -> dict[tuple[int, int], Path]:
        """The folder with the images of each side and number of channels."""
        found = {}
        for side_px, channels in sorted(kinds):

            def count(done: int, total: int, side_px: int = side_px) -> None:
                if done <= CHUNK:
                    self.listener.stage("decoding images", f"{total:,} at {side_px} px")
                self.listener.count(done, total)

            found[side_px, channels] = decode(self.data, self.folder, side_px, channels, count)
        return found

    def _outcome(self, training: Training) -> Evaluation:
        values = training.values
        found = Evaluation(epochs=len(values), accuracies=values, seconds=training.seconds)
        if training.failure:
            found["failure"] = training.failure
            return found
        found["scores"] = {TRAIN: values[-1]}
        found["stopped"] = len(values) < self.settings.epochs
        return found

    def _names(self, genomes: Genomes) -> list[str]:
        """What the log calls the training of each genome (n, G)."""
        s, config = self.settings, self.setup.config
        kind = [TRAIN, self.data.fingerprint, f"{s.epochs}x{s.batch}", str(s.seed)]
        rate = [f"rate={s.learning_rate!r}"] if s.learning_rate is not None else []
        where = [config.device] if config.device != "cpu" else []
        whole = ["whole"] if not self.early_stop else []
        end = ":".join([*kind, *rate, *where, *whole])
        return [f"{key:016x}:{end}" for key in self.setup.problem.space.keys(genomes).tolist()]

    def close(self) -> None:
        """Remove decoded images, unless a training is to go on; a second time does nothing."""
        left: Sequence[Path] = list(self.folder.iterdir()) if self.folder.is_dir() else []
        if all(path.name.startswith("images-") for path in left):
            shutil.rmtree(self.folder, ignore_errors=True)
