"""The life of a training on a Ray worker; what it leaves behind in its folder if that ends badly."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas.errors import RunError, describe
from vitnas.plugins import UserFiles
from vitnas.workers._ray_actor import versions
from vitnas.workers.pool import hung

Report = Callable[[int, float], None]
Train = Callable[[Any, Path, Report], None]  # item, folder of its own, what to call after each epoch

LIVES = 3  # workers that a training may kill before it is recorded as the cause
TIMED_OUT = "timed_out"
CRASHES = "crashes"
NOTHING = {"epoch": 0, "value": 0.0}  # an epoch that no rung looks at


def run_trial(
    config: Mapping[str, Any],
    train: Train,
    items: Mapping[str, Any],
    folder: Path,
    timeout_s: float | None,
    files: UserFiles,
    driver: Mapping[str, str],
) -> None:
    """One training. What it raises is told; what kills the worker is noted by the driver.

    Args:
        config: with the ``name`` of the training.
        train: trains.
        items: name -> what to train.
        folder: of all trainings.
        timeout_s: after which the worker ends itself.
        files: the user's plugins.
        driver: its versions.
    """
    from ray import tune

    with contextlib.suppress(OSError):  # relative paths mean what they mean to the user
        os.chdir(files.folder)
    plugins.adopt(files)
    plugins.obey()
    own = folder / config["name"]
    verdict = _strange(tuple(driver.items())) or _unseen(folder)
    if verdict:
        tune.report({**NOTHING, "failure": verdict, "fatal": True})
        return
    own.mkdir(exist_ok=True)
    verdict = cause_of_death(own, timeout_s)
    if verdict:
        tune.report({**NOTHING, "failure": verdict})
        return
    with _watched(timeout_s, own):
        try:
            train(
                items[config["name"]], own, lambda epoch, value: tune.report({"epoch": epoch, "value": value})
            )
        except RunError as error:  # no fault of the candidate: the next one would fail as well
            tune.report({**NOTHING, "failure": str(error), "fatal": True})
        except Exception as error:
            tune.report({**NOTHING, "failure": describe(error)})


@functools.cache  # files that change later are not what this process has imported
def _strange(driver: tuple[tuple[str, str], ...]) -> str:
    """Why this node may not train: it would do something else."""
    own = versions()
    for package, theirs in driver:
        if own[package] != theirs:
            return (
                f"node {platform.node()} has {package} {own[package]}, the driver {theirs}: install the same "
                "on all"
            )
    return ""


def _unseen(folder: Path) -> str:
    if folder.is_dir():
        return ""
    return (
        f"node {platform.node()} does not see {folder}: put the run on storage that all nodes share (`out`)"
    )


@contextlib.contextmanager
def _watched(timeout_s: float | None, own: Path) -> Iterator[None]:
    """End this worker where the training takes too long: one that hangs cannot be told to stop."""
    if timeout_s is None:
        yield
        return
    watch = threading.Timer(timeout_s, _end_worker, [own / TIMED_OUT])
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _end_worker(note: Path) -> None:
    note.touch()
    os._exit(1)


def note_crash(own: Path, how: str) -> None:
    """Note that a worker has died of a training."""
    with contextlib.suppress(OSError), (own / CRASHES).open("a") as file:
        file.write(how + "\n")


def cause_of_death(own: Path, timeout_s: float | None) -> str:
    """Why a training gets no further worker; empty if it does."""
    if (own / TIMED_OUT).exists():
        return hung(timeout_s or 0)
    crashes = (own / CRASHES).read_text().splitlines() if (own / CRASHES).exists() else []
    return f"killed {LIVES} workers ({crashes[-1]})" if len(crashes) >= LIVES else ""
