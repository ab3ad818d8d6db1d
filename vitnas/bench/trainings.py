"""Brief trainings of genomes, each a durable line of the log; Ray Tune does the work."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitnas.arch.schema import Architecture
from vitnas.bench.bench import Bench, Job, Line, Measuring, Network
from vitnas.bench.networks import Done, GenomeBench
from vitnas.bench.task import NetworkTask, Record
from vitnas.cost.columns import Costs
from vitnas.cost.table import CostTable
from vitnas.events import Listener
from vitnas.formats.resolution import Resolution, by_pixels, in_px
from vitnas.quality.data.dataset import Dataset
from vitnas.quality.data.decoded import CHUNK, decode, open_decoded
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of
from vitnas.space.space import Space
from vitnas.store.log import EvaluationLog
from vitnas.training.brief import BriefSettings, train_briefly
from vitnas.workers.pool import Workers
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune import run_trainings
from vitnas.workers.tune_ledger import Training

LOG_NAME = "train"  # name of the score, and of this way to measure in the log


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


class TrainBench(GenomeBench):
    """Trains genomes of a space briefly.

    An evaluation has the validation accuracy in per cent as ``scores["train"]``, the ``epochs`` that were
    trained, the ``accuracies`` after each of them, whether it was ``stopped`` early, ``seconds``, and where
    it failed a ``failure`` and no scores. Trainings under way when the process dies go on from their last
    epoch when the same is asked again.

    Args:
        table: of the space.
        engine: does the work.
        device: where networks are trained, such as "cuda:1".
    """

    def __init__(self, table: CostTable, engine: Trainings, device: str = "cpu") -> None:
        s = engine.settings
        rate = [f"rate={s.learning_rate!r}"] if s.learning_rate is not None else []
        where = [device] if device != "cpu" else []
        whole = ["whole"] if not engine.early_stop else []
        images = [f"images={s.images}"] if s.images is not None else []
        same = [LOG_NAME, engine.data.fingerprint, f"{s.epochs}x{s.batch}", *images, str(s.seed)]
        super().__init__(table, engine, ":".join([*same, *rate, *where, *whole]), NetworkTask())
        self.engine = engine

    def start(self, genomes: Genomes, costs: Costs | None = None, done: Done | None = None) -> Measuring:
        """See `GenomeBench.start`; they are trained by ``wait``. Without ``done`` the listener is told."""
        counted = done or (lambda number: self.engine.listener.count(number, len(genomes)))
        return super().start(genomes, costs, counted)

    def close(self) -> None:
        """Remove decoded images, unless a training is to go on; a second time does nothing."""
        folder = self.engine.folder
        left: Sequence[Path] = list(folder.iterdir()) if folder.is_dir() else []
        if all(path.name.startswith("images-") for path in left):
            shutil.rmtree(folder, ignore_errors=True)


class Trainings(Bench):
    """A bench that trains: what was started is trained when it is waited for.

    Args:
        log: what was trained, and where it is kept.
        space: of the genomes.
        data: trained on.
        settings: of each training.
        early_stop: whether weak ones are ended early.
        folder: of checkpoints, which stay until their training is in the log, and of decoded images.
        shares: how many trainings run at once, and what each may use.
        listener: watches.
        pool: the run's other workers, which rest meanwhile.
    """

    def __init__(
        self,
        log: EvaluationLog,
        space: Space,
        data: Dataset,
        settings: BriefSettings,
        *,
        early_stop: bool,
        folder: Path,
        shares: WorkerSettings,
        listener: Listener,
        pool: Workers,
    ) -> None:
        super().__init__(pool, log)
        self.space = space
        self.data = data
        self.settings = settings
        self.early_stop = early_stop
        self.folder = folder
        self.shares = shares
        self.listener = listener
        self._asked: dict[Hashable, None] = {}

    def _submit(self, network: Network) -> None:
        """It is trained by ``wait``."""

    def start(self, jobs: Sequence[Job], done: Done | None = None) -> Measuring:
        """See `Bench.start`; accuracies of trainings that were asked for are what weak ones are judged by."""
        self._asked |= dict.fromkeys(job.key for job in jobs)
        return super().start(jobs, done)

    def cancel(self) -> None:
        """Forget what is not trained yet."""
        self._running.clear()

    def wait(self) -> None:
        """Train all that was started; each is told when it is over.

        Raises:
            MissingExtra: Ray Tune is not installed.
            InvalidData: an image cannot be read.
            RunError: the folder cannot be written, or a worker cannot see it.
        """
        networks = {self._plan(network).id: network for network in self._running.values()}
        plans = [self._plan(network) for network in networks.values()]
        images = self._decoded({(plan.resolution_px, plan.in_channels) for plan in plans})
        items = {
            plan.id: {
                "architecture": plan.to_dict(),
                "images": str(images[plan.resolution_px, plan.in_channels].resolve()),
            }
            for plan in plans
        }
        at_once = f", {self.shares.number} at once" if self.shares.number else ""
        epochs = f"{'at most ' * self.early_stop}{self.settings.epochs} epochs each"
        if self.settings.images is not None:
            epochs = f"{self.settings.images * self.settings.epochs:,} images each"
        self.listener.stage("training", f"{len(items)} networks, {epochs}{at_once}")
        self.workers.rest()
        known = filter(None, map(self.find, self._asked))
        run_trainings(
            functools.partial(train_candidate, self.settings, recipe_of(self.space)),
            items,
            self.folder,
            self.shares,
            epochs=self.settings.epochs,
            early_stop=self.early_stop,
            history=[line["accuracies"] for line in known if line.get("accuracies")],
            finished=lambda own, training: self._finish([(networks[own], self._found(own, training))]),
        )

    def _plan(self, network: Network) -> Architecture:
        return self.space.decode(np.frombuffer(network.job.item, np.uint8))

    def _decoded(self, kinds: set[tuple[Resolution, int]]) -> dict[tuple[Resolution, int], Path]:
        """The folder with the images of each resolution and number of channels."""
        found = {}
        for size, channels in sorted(kinds, key=lambda kind: (by_pixels(kind[0]), kind[1])):

            def count(done: int, total: int, size: Resolution = size) -> None:
                if done <= CHUNK:
                    self.listener.stage("decoding images", f"{total:,} at {in_px(size)}")
                self.listener.count(done, total)

            found[size, channels] = decode(self.data, self.folder, size, channels, count)
        return found

    def _found(self, own: str, training: Training) -> Record:
        values = training.values
        found: Record = {"id": own, "epochs": len(values), "accuracies": values, "seconds": training.seconds}
        if training.failure:
            return found | {"failure": training.failure}
        return found | {"scores": {LOG_NAME: values[-1]}, "stopped": len(values) < self.settings.epochs}

    def _keep(self, lines: Sequence[Line]) -> None:
        """In the log they need no checkpoints."""
        super()._keep(lines)
        for line in lines:
            shutil.rmtree(self.folder / line["id"], ignore_errors=True)
