"""A whole search: prepare, search, check the front's networks, write files."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas.arch.yaml_io import dump_yaml
from vitnas.errors import RunError, go_on
from vitnas.events import Listener, Silent
from vitnas.formats.path_name import check_name
from vitnas.hardware import targets
from vitnas.plugins import blaming
from vitnas.run.finish import finish
from vitnas.run.main_loop import ActiveRun
from vitnas.run.prepare import RatingSettings, RunContext, Setup, check_strategy, prepare
from vitnas.run.rating import check_qualities
from vitnas.run.read_labels import LABELS, labels_hash, labels_text
from vitnas.run.result import SearchResult
from vitnas.searching.config import SearchConfig
from vitnas.space.space import Space
from vitnas.store.folder import RunFolder, current_versions
from vitnas.store.log import EvaluationLog
from vitnas.store.resume_check import file_hashes, require_same, require_same_files
from vitnas.workers import WorkerSettings, make_workers, require_workers

Beside = Callable[[Setup, RunFolder, Listener], AbstractContextManager[object]]


class Interrupted(KeyboardInterrupt):
    """A search was interrupted before it had found anything; its folder can be gone on with."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"interrupted; go on with: {go_on(path)}")
        self.path = path


@blaming()
def run_search(
    config: SearchConfig,
    *,
    root: str | Path = "runs",
    name: str | None = None,
    workers: int | WorkerSettings = 1,
    beside: Beside | None = None,
    listener: Listener | None = None,
    rating: RatingSettings | None = None,
    space: Space | None = None,
) -> SearchResult:
    """Search, and write a run folder.

    Args:
        config: what to search.
        root: folder of run folders.
        name: of the run; a free name is made up without one.
        workers: who builds and runs networks: a number of processes (1: this one), or settings, such as those
            of a Ray cluster; the result does not depend on it.
        beside: runs while the search does, such as a mirror of the run (`vitnas.study.mirror`); nothing
            depends on it.
        listener: watches.
        rating: what is measured beside the candidates, and how many are scored together.
        space: in place of the one that ``config`` names.

    Returns:
        the result; its state is ``interrupted`` if Ctrl-C ended the search.

    Raises:
        InvalidInput: a setting or file is wrong.
        NothingFeasible: nothing meets the budgets.
        RunError: the run folder cannot be used.
        ClusterError: the Ray cluster cannot be used.
    """
    watcher = listener or Silent()
    require_workers(workers)
    _check(config, space)
    if name is not None:
        RunFolder(Path(root) / check_name(name, "`name`")).require_free()
    setup = prepare(config, watcher, rating=rating, space=space)
    devices = "+".join(device.name for device in setup.devices) or "any"
    stem = f"{setup.problem.space.name}-{devices}"
    copies = _copies(setup)  # what cannot be kept is refused before there is a folder
    folder = RunFolder(Path(root) / name) if name else RunFolder.new(root, stem)
    with folder.held():
        folder.create(config.to_dict(), copies, _hashes(setup) | _files(setup))
        return _go_on(setup, folder, workers, watcher, beside)


@blaming()
def resume_search(
    path: str | Path,
    *,
    config: SearchConfig | None = None,
    workers: int | WorkerSettings = 1,
    trials: int | None = None,
    time_s: float | None = None,
    beside: Beside | None = None,
    listener: Listener | None = None,
    rating: RatingSettings | None = None,
    space: Space | None = None,
    same: Mapping[str, Any] | None = None,
) -> SearchResult:
    """Go on with a run as if it had never stopped.

    Args:
        path: the run folder.
        config: the settings of the same command: they begin the run where there is none yet, and else must
            be the run's, but for ``trials`` and ``time_s``. None goes on with what is there.
        workers: as in :func:`run_search`.
        trials: a new number of trials in all.
        time_s: a new time limit, from now.
        beside: as in :func:`run_search`.
        listener: watches.
        rating: as in :func:`run_search`, and as the run began with.
        space: as in :func:`run_search`.
        same: settings of the run that are given again: plug-ins by their paths.

    Raises:
        InvalidInput: a setting of ``config`` is wrong, or is not the run's.
        RunError: there is no run, another process works on it, or what it rests on has changed.
    """
    watcher, same = listener or Silent(), same or {}
    require_workers(workers)
    folder = RunFolder(path)
    begins: Setup | None = None
    if config is None:
        folder.require()
    elif not folder.is_begun:
        _check(config, space)
        begins = prepare(config, watcher, rating=rating, space=space)
    copies = _copies(begins) if begins is not None else {}
    with folder.held():
        if config is not None and begins is not None and not folder.is_begun:
            folder.create(config.to_dict(), copies, _hashes(begins) | _files(begins))
            return _go_on(begins, folder, workers, watcher, beside)
        kept = _kept_config(folder, config, trials, time_s, same)
        require_same_files(folder)
        check_strategy(kept)
        setup = prepare(kept, watcher, folder.path, rating=rating)
        _check_unchanged(folder, setup, watcher)
        folder.update(state="running", config=kept.to_dict())
        return _go_on(setup, folder, workers, watcher, beside)


def _kept_config(
    folder: RunFolder,
    config: SearchConfig | None,
    trials: int | None,
    time_s: float | None,
    same: Mapping[str, Any],
) -> SearchConfig:
    """The settings of a begun run, with the new limits; what is given again must be the run's."""
    kept = SearchConfig.from_dict(folder.open())
    require_same({name: kept.to_dict()[name] for name in same}, same, folder.path)
    if config is not None:
        plugins.ask(*config.plugins)
        trials, time_s = config.trials or trials, config.time_s
        require_same(kept.to_dict(), config.to_dict(), folder.path, changeable=("trials", "time"))
    return dataclasses.replace(kept, trials=kept.trials if trials is None else trials, time_s=time_s)


def _go_on(
    setup: Setup,
    folder: RunFolder,
    workers: int | WorkerSettings,
    listener: Listener,
    beside: Beside | None,
) -> SearchResult:
    """Search from wherever the folder stands, with what is to run beside it, and finish."""
    with beside(setup, folder, listener) if beside is not None else contextlib.nullcontext():
        return _search_on(setup, folder, workers, listener)


def _search_on(
    setup: Setup, folder: RunFolder, workers: int | WorkerSettings, listener: Listener
) -> SearchResult:
    started, before = time.monotonic(), float(folder.manifest.get("seconds", 0.0))
    run: ActiveRun | None = None
    with (
        EvaluationLog(folder.log, folder.guard) as log,
        make_workers(workers) as pool,
        contextlib.ExitStack() as ending,
    ):
        try:
            context = RunContext.of(setup, folder, log, pool, listener, shares=workers)
            run = ActiveRun.begin(context, ending)
            result = finish(run, run.search())
        except KeyboardInterrupt:
            if run is None:
                folder.update(state="interrupted")
                raise Interrupted(folder.path) from None
            run.interrupted()
            result = finish(run, "interrupted")
    seconds = before + time.monotonic() - started
    counts = {name: getattr(result, name) for name in ("asked", "failed", "distinct", "failures")}
    folder.update(state=result.state, seconds=round(seconds, 3), counts=counts)
    return dataclasses.replace(result, seconds=seconds)


def _check(config: SearchConfig, space: Space | None) -> None:
    """What needs nothing but names: the plug-ins are those that the caller gave."""
    plugins.ask(*config.plugins, *(space.operators if space is not None else ()))
    check_qualities(config)
    check_strategy(config)


def _files(setup: Setup) -> dict[str, str]:
    """Digests of the plug-ins that were given by their paths."""
    return file_hashes(*setup.config.plugins, *setup.problem.space.operators)


def _copies(setup: Setup) -> dict[str, str]:
    """Texts kept in the run folder, so that a run does not change with the files it was made from."""
    space = dump_yaml(setup.problem.space.document)
    learned = {LABELS: labels_text(setup.labels)} if setup.labels else {}
    return {"space.yaml": space, **learned, **targets.copies(setup.config.targets, setup.devices)}


def _hashes(setup: Setup) -> dict[str, str]:
    learned = {"labels": labels_hash(setup.labels)} if setup.labels else {}
    seen = {"images": setup.images.fingerprint} if setup.images else {}
    seen |= {"data": setup.data.fingerprint} if setup.data else {}
    return {"space": setup.problem.space.hash, **learned, **seen, **targets.hashes(setup.devices)}


def _file_of(what: str) -> str:
    return LABELS if what == "labels" else f"{what}.yaml"


def _check_unchanged(folder: RunFolder, setup: Setup, listener: Listener) -> None:
    for what in folder.changed(_hashes(setup)):
        if what in ("images", "data"):
            source = setup.config.images if what == "images" else setup.config.data
            raise RunError(
                f"{folder.path}: {source} does not hold the images that the run began with; restore them"
            )
        raise RunError(
            f"{folder.path}: its {_file_of(what)} is not the one that the run began with; restore it"
            + (" and its table" if what not in ("space", "labels") else "")
        )
    versions = folder.manifest.get("versions", {})
    for package, now in current_versions().items():
        if versions.get(package) not in (None, now):
            listener.warn(
                f"the run began with {package} {versions[package]}, this is {now}; figures may differ"
            )
