"""Brief trainings of candidates, each a durable line of the log."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from vitnas.job.setup import Setup
from vitnas.search.evaluation import Evaluation
from vitnas.search.events import Listener
from vitnas.search.log import EvaluationLog
from vitnas.search.run import RunFolder
from vitnas.space.activity import Genomes
from vitnas.workers.settings import WorkerSettings

TRAIN = "train"  # the quality's name


class TrainBench:
    """Trains networks briefly and remembers them through the log: no training is done twice.

    A context manager: leaving it ends what it has started, and removes what only it needed.

    Args:
        setup: of the run.
        folder: the run's; checkpoints stand under ``trainings/`` until their training is in the log.
        log: what was trained, and where it is kept.
        workers: how many trainings run at once, and what each may use.
        listener: watches.

    Raises:
        MissingExtra: Ray Tune is not installed.
    """

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        log: EvaluationLog,
        workers: int | WorkerSettings,
        listener: Listener,
    ) -> None:
        self.setup = setup
        self.folder = folder
        self.log = log
        self.workers = workers
        self.listener = listener

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the accuracies should know; one line each."""
        return ()

    def measure(self, genomes: Genomes, *, done: Callable[[int], None] | None = None) -> list[Evaluation]:
        """An evaluation for each genome (n, G): ``scores["train"]`` is the validation accuracy in per cent.

        A record also has the ``epochs`` that were trained, the ``accuracies`` after each of them, whether it
        was ``stopped`` early, ``seconds``, and where it failed a ``failure`` and no scores. Trainings under
        way when the process dies go on from their last epoch when the same is asked again.

        Args:
            genomes: canonical; equal ones are trained once.
            done: called with the number of finished trainings.

        Raises:
            RunError: the run folder cannot be written, or a worker cannot see it.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End what runs and remove what is no longer needed; a second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
