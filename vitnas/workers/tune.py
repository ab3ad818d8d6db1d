"""Trainings on Ray Tune: a CPU or GPU share each, the weak ended early (imports ``ray.tune``)."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vitnas import plugins
from vitnas.errors import MissingExtra, RunError
from vitnas.workers._deaths import LOSSES, lost
from vitnas.workers._ray_actor import versions
from vitnas.workers._tune_trial import Train, cause_of_death, note_crash, run_trial
from vitnas.workers.serial import describe
from vitnas.workers.settings import WorkerSettings

FACTOR = 3  # of how many candidates one goes on at each rung
RUNGS = 2  # epochs / 9 and epochs / 3
TUNE_FOLDER = "tune"
OWN = {  # of Ray: no output, no loggers of its own, Ctrl-C raises, paths stay what they are
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


@dataclass
class Training:
    """What became of a training.

    Attributes:
        values: validation accuracy (%) after each epoch.
        failure: why it ended, if it failed; one line.
        seconds: that it ran in this session.
    """

    values: list[float] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0


def require_tune() -> None:
    """Whether Ray Tune can be imported.

    Raises:
        MissingExtra: it cannot.
    """
    if any(importlib.util.find_spec(name) is None for name in ("ray", "pandas", "pyarrow")):
        raise MissingExtra("trainings need the package 'ray[tune]': pip install 'vitnas[ray]'")


def grace_epochs(epochs: int) -> int:
    """Epochs that every candidate gets."""
    return max(1, -(-epochs // int(FACTOR**RUNGS)))


def expected_epochs(epochs: int, early_stop: bool) -> float:
    """Of a training on average, where a third go on at each rung."""
    if not early_stop:
        return float(epochs)
    grace = grace_epochs(epochs)
    second = min(FACTOR * grace, epochs)
    return grace + (second - grace) / FACTOR + (epochs - second) / FACTOR**2


def run_trainings(
    train: Train,
    items: Mapping[str, Any],
    folder: Path,
    settings: WorkerSettings,
    *,
    epochs: int,
    early_stop: bool,
    history: Iterable[Sequence[float]] = (),
    progress: Callable[[str, int, float], None] = lambda name, epoch, value: None,
    finished: Callable[[str, Training], None],
) -> None:
    """Run trainings, as many at once as there are shares; each is told as it finishes.

    With ``early_stop`` by asynchronous successive halving (ASHA, Li et al. 2020, arXiv 1810.05934): after a
    ninth and a third of the epochs a training goes on only if it is in the best third of those that have come
    so far.

    Args:
        train: importable, or a ``functools.partial`` of what is; what all trainings share stands in it. It
            goes on from what it finds in its folder, and reports the epochs before that again.
        items: name -> what to train, in the order of starting.
        folder: of the trainings, which all workers see; each has a folder of its name in it.
        settings: how many, and what each may use.
        epochs: of a training at most.
        early_stop: whether to end the weak.
        history: accuracies after each epoch of earlier trainings, which the new ones are held against too.
        progress: called with name, epoch (from 1) and accuracy (%).
        finished: called with each training when it is over.

    Raises:
        MissingExtra: Ray Tune is not installed.
        ClusterError: the Ray cluster cannot be used.
    """
    require_tune()
    ledger = _Ledger(folder, settings.timeout_s, progress, finished)
    with _environment(), _joined(settings), _own_folder(folder / TUNE_FOLDER) as own:
        from ray import tune

        _quiet()
        function = tune.with_parameters(
            run_trial,
            train=train,
            items=dict(items),
            folder=folder.resolve(),
            timeout_s=settings.timeout_s,
            files=plugins.user_files(),
            driver=versions(),
        )
        resources = {"cpu": settings.cpus_per_worker, "gpu": settings.gpus_per_worker}
        tuner = tune.Tuner(
            tune.with_resources(function, resources),
            param_space={"name": tune.grid_search(list(items))},
            tune_config=tune.TuneConfig(
                scheduler=_asha(epochs, history) if early_stop else None,
                max_concurrent_trials=settings.number,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="trials",
                storage_path=str(own.resolve()),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=LOSSES),
                callbacks=[_callback(ledger)],
            ),
        )
        try:
            tuner.fit()
        except Exception as error:
            raise ledger.problem or RunError(f"Ray Tune has failed: {describe(error)[:300]}") from None


def _quiet() -> None:
    """Keep Tune's own log from the terminal: what matters is told."""
    for name in ("ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _asha(epochs: int, history: Iterable[Sequence[float]]) -> Any:
    """The scheduler, which has seen the earlier trainings."""
    from ray.tune.schedulers import ASHAScheduler

    scheduler = ASHAScheduler(
        time_attr="epoch",
        metric="value",
        mode="max",
        max_t=epochs,
        grace_period=min(grace_epochs(epochs), epochs),
        reduction_factor=FACTOR,
    )
    for number, values in enumerate(history):
        past: Any = SimpleNamespace(trial_id=f"past-{number}")
        scheduler.on_trial_add(None, past)  # type: ignore[arg-type]
        for epoch, value in enumerate(values, start=1):
            scheduler.on_trial_result(None, past, {"epoch": epoch, "value": value})  # type: ignore[arg-type]
    return scheduler


class _Ledger:
    """What trainings have reported so far, handed on as it comes."""

    def __init__(
        self,
        folder: Path,
        timeout_s: float | None,
        progress: Callable[[str, int, float], None],
        finished: Callable[[str, Training], None],
    ) -> None:
        self.folder = folder
        self.timeout_s = timeout_s
        self.progress = progress
        self.finished = finished
        self.problem: BaseException | None = None  # that ends all of it
        self._found: dict[str, Training] = {}

    def reported(self, name: str, result: Mapping[str, Any]) -> None:
        own = self._found.setdefault(name, Training())
        own.seconds = max(own.seconds, result.get("time_total_s", 0.0))
        own.failure = result.get("failure", "")
        if result.get("fatal"):
            raise RunError(own.failure)
        if result["epoch"] == len(own.values) + 1:  # another worker's first reports repeat the epochs before
            own.values.append(result["value"])
            self.progress(name, result["epoch"], result["value"])

    def completed(self, name: str) -> None:
        self.finished(name, self._found.pop(name, Training(failure="ended without a result")))

    def lost_worker(self, name: str, error: Exception | None, *, last: bool) -> None:
        """A training's worker is gone; it gets another one, unless this was the last."""
        from ray.exceptions import RayError

        from vitnas.workers import _ray_cluster as cluster

        if isinstance(error, RayError):
            cluster.check_start(error)
            if cluster.is_crash(error):
                note_crash(self.folder / name, cluster.how(error))
        if last:
            own = self._found.pop(name, Training())
            why = describe(error) if error is not None else lost()
            own.failure = cause_of_death(self.folder / name, self.timeout_s) or why[:300]
            self.finished(name, own)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is raised: Tune would wrap it."""
        try:
            yield
        except BaseException as problem:
            self.problem = problem
            raise


def _callback(ledger: _Ledger) -> Any:
    """The ledger as Tune calls it."""
    from ray.tune import Callback

    class Told(Callback):  # type: ignore[misc, unused-ignore]
        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.reported(trial.config["name"], result)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.completed(trial.config["name"])

        def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.lost_worker(trial.config["name"], trial.get_pickled_error(), last=False)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.lost_worker(trial.config["name"], trial.get_pickled_error(), last=True)

        def __reduce__(self) -> Any:
            return Callback, ()  # Tune writes its callbacks to a file, which nobody reads

    return Told()


@contextlib.contextmanager
def _joined(settings: WorkerSettings) -> Iterator[None]:
    """Ray as the settings say, left afterwards if this has joined it."""
    from vitnas.workers import _ray_cluster as cluster

    joined = cluster.join(settings)
    try:
        cluster.number_of_workers(settings)  # whether there is room for one
        yield
    finally:
        if joined:
            cluster.leave()


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in OWN}
    os.environ.update(OWN)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    """A folder for what Tune writes; gone afterwards, and what a killed process has left before."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as problem:
        raise RunError(f"{folder}: cannot be made: {problem.strerror}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
