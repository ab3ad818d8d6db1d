"""``vitnas.search``: from keywords to a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Unpack, overload

from vitnas import plugins
from vitnas.api.inputs import read_all
from vitnas.api.keywords import (
    LIMITS,
    SEARCH_READERS,
    SearchKeywords,
    budgets_of,
    refuse_beside_resume,
    workers_of,
)
from vitnas.api.run_object import Run, resumed
from vitnas.api.signature import with_keywords
from vitnas.api.watching import watching
from vitnas.errors import InvalidInput
from vitnas.formats.path_name import check_name
from vitnas.run.result import DryRun
from vitnas.searching.config import LABELLED_QUALITY, SearchConfig
from vitnas.space.space import Space
from vitnas.store.disk import require_place
from vitnas.store.folder import RunFolder

TRAININGS = ("data", "epochs", "seconds", "train_batch", "learning_rate", "early_stop")
Source = str | Any


@overload
def search(
    space: Source = None, *, dry_run: Literal[False] = False, **settings: Unpack[SearchKeywords]
) -> Run: ...
@overload
def search(space: Source = None, *, dry_run: Literal[True], **settings: Unpack[SearchKeywords]) -> DryRun: ...
@with_keywords(SearchKeywords)
def search(space: Source = None, *, dry_run: Any = None, **settings: Any) -> Run | DryRun:
    """Find the best networks of a space for a device and budgets; every keyword is an option of the command.

    ``vitnas.search("efficientformer", target="iphone12", max_latency="1.6ms", trials="200k", workers=2)``

    Numbers may be texts with a unit ("1.6ms", "13M", "2MB", "200k"); a bare one is in milliseconds, bytes,
    images a second or seconds. What the command repeats is a list.

    Args:
        space: a name of :func:`vitnas.list_spaces`, a YAML file, its document, or a ``Space``.
        dry_run: only say what the space holds, what budgets allow and how long it takes (a `DryRun`).
        target: device of :func:`vitnas.list_devices` or a profile file; several as a list; None for none.
        batch, resolution_px: images in a call; side of the images, or (height, width).
        max_latency, min_latency and so on, of latency, throughput, params, macs, activations and
            activation_memory: budgets; one for each device as a dict: ``{"iphone12": "1.6ms", "gpu": 3.0}``.
        objectives: of quality, latency, throughput, params, macs, activations, memory.
        quality, combine, labels, label, images: what is maximised, and what it learns from or looks at.
        then: rungs after the search, such as ``["naswot:1000", "train:16"]``.
        data, epochs, seconds, train_batch, learning_rate, early_stop: of trainings.
        preset: settings of a published method, such as ``"asvit"``.
        strategy, strategy_options: who proposes, and its own options by name.
        trials, time, seed, population, random_arm, in_flight, unordered: how to search.
        front: networks of the front that are checked and written.
        name, out: of the run; the folder of runs.
        resume: folder of a run to go on with, or to begin there.
        workers, ray, cpus_per_worker, gpus_per_worker, candidate_timeout: who builds and runs networks. One
            number is a number of processes (1: this one); equal settings give equal fronts with any.
        device: where proxies compute and networks are trained.
        mirror: URL of a storage in which an Optuna study is kept up.
        active: at the end write 50 architectures to be labelled, as `label` does.
        trust: whether code that documents name by its path may be imported.
        progress: None shows it in terminals and notebooks alone; the logger ``vitnas`` is always told.

    Returns:
        the run. Ctrl-C, or the interrupt of a notebook, ends it in state ``interrupted``: look at what was
        found, and go on with ``run.resume()``.

    Raises:
        InvalidInput: a keyword, file or device is wrong; one line names it.
        NothingFeasible: nothing meets the budgets; says what the space reaches.
        RunError: the run folder cannot be used.
        ClusterError: the Ray cluster cannot be used.
    """
    values = read_all(SEARCH_READERS, {"space": space, "dry_run": dry_run, **settings}, of="search")
    values.pop("trust", None)
    if not values.get("dry_run"):
        values.pop("dry_run", None)
    rungs = (rung.rpartition(":")[0] for rung in values.get("then", ()))
    plugins.ask(values.get("strategy", ""), values.get("quality", ""), *rungs)
    if "resume" in values and not values.keys() & {"space", "labels"}:
        return resumed(values)
    if "resume" in values:
        refuse_beside_resume(values, "name", "out", "dry_run")
    config, own_space = search_config(values)
    if "dry_run" in values:
        return _dry_run(config, own_space, values)
    run = resumed(values, config, own_space) if "resume" in values else _begun(values, config, own_space)
    if values.get("active"):
        run.ask_labels()
    return run


def _begun(values: Mapping[str, Any], config: SearchConfig, space: Space | None) -> Run:
    from vitnas.run.search import run_search
    from vitnas.study.mirror import mirroring

    workers = workers_of(values)
    with watching(values.get("progress"), time_s=config.time_s) as watch:
        return Run.of(
            lambda: run_search(
                config,
                root=values.get("out", "runs"),
                name=values.get("name"),
                workers=workers,
                beside=mirroring(values.get("mirror")),
                listener=watch,
                space=space,
            )
        )


def _dry_run(config: SearchConfig, space: Space | None, values: Mapping[str, Any]) -> DryRun:
    from vitnas.run.dry_run import dry_run
    from vitnas.study.mirror import mirroring

    root, name = Path(values.get("out", "runs")), values.get("name")
    if name is not None:
        RunFolder(root / check_name(name, "`name`")).require_free()
    require_place(root)
    mirroring(values.get("mirror"))
    with watching(values.get("progress")) as watch:
        return dry_run(config, watch, workers=workers_of(values), space=space)


def search_config(values: Mapping[str, Any]) -> tuple[SearchConfig, Space | None]:
    """Settings of a run, and the space where it is no name or file.

    Args:
        values: keywords that were read.

    Raises:
        InvalidInput: a setting is wrong, or no space is named.
    """
    given = {**_preset(values), **_learned(values), **values}
    if "space" not in given:
        raise InvalidInput("name a space with `space` (see 'vitnas spaces'), or a run with `resume`")
    space = given["space"]
    kept = (
        *("target", "quality", "strategy", "seed", "population", "front", "random_arm", "objectives", "then"),
        *("batch", "resolution_px", "combine", "labels", "label", "images", "device", "in_flight", "trials"),
        "strategy_options",
        *TRAININGS,
    )
    config = SearchConfig(
        space=space.name if isinstance(space, Space) else space,
        budgets=budgets_of(given),
        ordered=not given.get("unordered", False),
        time_s=given.get("time"),
        **{name: given[name] for name in kept if name in given},
    )
    return config, space if isinstance(space, Space) else None


def _preset(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of a published method."""
    from vitnas.api.presets import preset

    return preset(values["preset"]) if "preset" in values else {}


def _learned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that follow from ``labels``.

    Labels are for the search, unless a rung (``then``) learns from them; those of a run are for its space,
    device and budgets (all of its budgets, or none if one is given).
    """
    from vitnas.labelling import inherited
    from vitnas.quality.parse import parse_quality

    if "labels" not in values:
        return {}
    settings = {name: value for name, value in inherited(values["labels"]).items() if value is not None}
    budgets = dict(settings.pop("budgets", ()))
    if not any(name in values for name in LIMITS):
        settings |= {option.replace("-", "_"): limit for option, limit in budgets.items()}
    rungs = [rung.rpartition(":")[0] for rung in values.get("then", ())]
    learns = any(parse_quality(rung).needs("labels") for rung in rungs if rung)
    return settings if learns else {"quality": LABELLED_QUALITY, **settings}
