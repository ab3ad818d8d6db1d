"""Trainings on Ray Tune: a CPU or GPU share each, the weak ended early (imports ``ray.tune``)."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vitnas import plugins
from vitnas.errors import MissingExtra, RunError, describe, install
from vitnas.workers._ray_actor import versions
from vitnas.workers._tune_trial import Train, run_trial
from vitnas.workers.pool import LOSSES, environment
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune_ledger import Ledger, Training, told

FACTOR = 3  # of how many candidates one goes on at each rung
RUNGS = 2  # epochs / 9 and epochs / 3
TUNE_FOLDER = "tune"
OWN = {  # of Ray: no output, no loggers of its own, Ctrl-C raises, paths stay what they are
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


def require_tune() -> None:
    """Whether Ray Tune can be imported.

    Raises:
        MissingExtra: it cannot.
    """
    if any(importlib.util.find_spec(name) is None for name in ("ray", "pandas", "pyarrow")):
        raise MissingExtra(f"trainings need the package 'ray[tune]': {install('ray')}")


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
    from vitnas.workers import _ray_cluster as cluster

    ledger = Ledger(folder, settings.timeout_s, progress, finished)
    with environment(OWN), cluster.joined(settings), _own_folder(folder / TUNE_FOLDER) as own:
        cluster.number_of_workers(settings)  # whether there is room for one
        for name in ("ray.tune", "ray.train", "ray.air"):  # what matters is told
            logging.getLogger(name).setLevel(logging.CRITICAL)
        trial = _trial(train, items, folder, settings)
        scheduler = _asha(epochs, history) if early_stop else None
        tuner = _tuner(trial, list(items), own, settings.number, scheduler, told(ledger))
        try:
            tuner.fit()
        except Exception as error:
            raise ledger.problem or RunError(f"Ray Tune has failed: {describe(error)[:300]}") from None


def _trial(train: Train, items: Mapping[str, Any], folder: Path, settings: WorkerSettings) -> Any:
    """What Tune runs for each name, and the share of a machine that it takes."""
    from ray import tune

    function = tune.with_parameters(
        run_trial,
        train=train,
        items=dict(items),
        folder=folder.resolve(),
        timeout_s=settings.timeout_s,
        files=plugins.user_files(),
        driver=versions(),
    )
    share = {"cpu": settings.cpus_per_worker, "gpu": settings.gpus_per_worker}
    return tune.with_resources(function, share)


def _tuner(
    trial: Any, names: list[str], own: Path, at_once: int | None, scheduler: Any, callback: Any
) -> Any:
    """One trial a name; a trial whose worker dies gets another one, `LOSSES` times."""
    from ray import tune

    return tune.Tuner(
        trial,
        param_space={"name": tune.grid_search(names)},
        tune_config=tune.TuneConfig(scheduler=scheduler, max_concurrent_trials=at_once, reuse_actors=True),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(own.resolve()),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=LOSSES),
            callbacks=[callback],
        ),
    )


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
