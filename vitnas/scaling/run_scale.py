"""A family from one network: prepare, run the rule, write files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas.arch.schema import Architecture, read_architecture
from vitnas.arch.yaml_io import dump_yaml
from vitnas.errors import InvalidInput, NothingFeasible, RunError, go_on
from vitnas.events import Listener, Silent
from vitnas.figures import format_quantity
from vitnas.formats.path_name import check_name
from vitnas.formats.resolution import Resolution
from vitnas.hardware import targets
from vitnas.hardware.targets import check_answers, load_targets
from vitnas.plugins import blaming
from vitnas.scaling.children import ScaleBench, step_key
from vitnas.scaling.family_files import COMMAND, FamilyResult, family_document, write_members
from vitnas.scaling.relative_capacity import RelativeCapacity
from vitnas.scaling.rule import Child, Costs, Judge, Network, Outcome
from vitnas.scaling.scale_config import RULES, ScaleConfig
from vitnas.scaling.setup import Setup, prepare, stem_of
from vitnas.searching.config import split_targets
from vitnas.space.files import load_architecture
from vitnas.store.folder import RunFolder
from vitnas.store.log import EvaluationLog
from vitnas.store.resume_check import file_hashes, require_same, require_same_files
from vitnas.workers import WorkerSettings, make_workers, require_workers

SEED = "seed.yaml"
SCORED_AT_END = -1  # step of the members' own scores in the log


class Interrupted(KeyboardInterrupt):
    """A scaling was interrupted; its folder can be gone on with."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"interrupted; go on with: {go_on(path)}")
        self.path = path


@blaming()
def run_scale(
    config: ScaleConfig,
    *,
    root: str | Path = "runs",
    name: str | None = None,
    workers: int | WorkerSettings = 1,
    listener: Listener | None = None,
    network: Architecture | None = None,
) -> FamilyResult:
    """Scale a network into a family, and write a run folder.

    Args:
        config: what to scale, by which rule, to which sizes.
        root: folder of run folders.
        name: of the run; a free name is made up without one.
        workers: as in :func:`vitnas.run.search.run_search`; the result does not depend on it.
        listener: watches.
        network: in place of the one that ``config`` names.

    Raises:
        InvalidInput: a setting, file or size is wrong, or the rule cannot reach a size.
        NothingFeasible: no size was reached, or no child could be scored.
        RunError: the run folder cannot be used.
    """
    require_workers(workers)
    watcher = listener or Silent()
    if name is not None:
        RunFolder(Path(root) / check_name(name, "`name`"), COMMAND).require_free()
    setup = _prepared(config, network)  # says what cannot be reached before anything is written
    stem = f"{stem_of(config.file)}-{config.rule}"
    folder = RunFolder(Path(root) / name, COMMAND) if name else RunFolder.new(root, stem, COMMAND)
    return _begin(config, setup, folder, workers, watcher)


def _prepared(config: ScaleConfig, network: Architecture | None) -> Setup:
    plugins.ask(*config.plugins)
    seed = load_architecture(network if network is not None else config.file)
    setup = prepare(config, seed, load_targets(split_targets(config.target)))
    judge_without_scores(setup)
    return setup


def _begin(
    config: ScaleConfig,
    setup: Setup,
    folder: RunFolder,
    workers: int | WorkerSettings,
    listener: Listener,
) -> FamilyResult:
    with folder.held():
        names = split_targets(config.target)
        copies = {SEED: dump_yaml(setup.seed.to_dict()), **targets.copies(names, setup.devices)}
        files = file_hashes(*config.plugins, *setup.seed.operators)
        folder.create(config.to_dict(), copies, _hashes(setup) | files)
        return _go_on(setup, folder, workers, listener)


@blaming()
def resume_scale(
    path: str | Path,
    *,
    config: ScaleConfig | None = None,
    workers: int | WorkerSettings = 1,
    listener: Listener | None = None,
    network: Architecture | None = None,
    same: Mapping[str, Any] | None = None,
) -> FamilyResult:
    """Go on with a run as if it had never stopped.

    Args:
        path: the run folder.
        config: the settings of the same command: they begin the run where there is none yet, and else must
            be the run's. None goes on with what is there.
        workers: as in :func:`run_scale`.
        listener: watches.
        network: as in :func:`run_scale`.
        same: settings of the run that are given again: plug-ins by their paths.

    Raises:
        InvalidInput: a setting of ``config`` is wrong, or is not the run's.
        RunError: there is no run, another process works on it, or what it rests on has changed.
    """
    folder = RunFolder(path, COMMAND)
    if config is not None and not folder.is_begun:
        return _begin(config, _prepared(config, network), folder, workers, listener or Silent())
    kept = ScaleConfig.from_dict(folder.open())
    if config is not None:
        plugins.ask(*config.plugins)
        require_same(kept.to_dict(), config.to_dict(), folder.path)
    same = same or {}
    require_same({name: kept.to_dict()[name] for name in same}, same, folder.path)
    require_same_files(folder)
    with folder.held():
        devices = load_targets(split_targets(kept.target), folder.path)
        setup = prepare(kept, read_architecture(folder.path / SEED), devices)
        _check_unchanged(folder, setup)
        folder.update(state="running")
        return _go_on(setup, folder, workers, listener or Silent())


def _hashes(setup: Setup) -> dict[str, str]:
    return {"seed": setup.seed.id, **targets.hashes(setup.devices)}


def _check_unchanged(folder: RunFolder, setup: Setup) -> None:
    """Whether a resumed run rests on what it began with.

    Raises:
        RunError: it does not; names the file.
    """
    for what in folder.changed(_hashes(setup)):
        raise RunError(f"{folder.path}: its {what}.yaml is not the one that the run began with; restore it")


def judge_without_scores(setup: Setup) -> Judge:
    """Prices and bounds; checks the sizes against what the rule reaches.

    Raises:
        InvalidInput: the seed or a size is out of reach.
    """

    def price(architecture: Architecture) -> Costs:
        if architecture.resolution_px != setup.seed.resolution_px:
            _check_resolution(setup, architecture.resolution_px)
        return setup.pricer.price(architecture)

    judge = Judge(price, lambda step, children: [{} for _ in children], {}, setup.bounds)
    config, start = setup.config, Network(setup.seed, price(setup.seed))
    RULES[config.rule].check(start, config.sizes, judge, config.rule_settings())
    return judge


def _check_resolution(setup: Setup, resolution_px: Resolution) -> None:
    try:
        check_answers(setup.devices, setup.config.batch, [resolution_px])
    except InvalidInput as problem:
        raise InvalidInput(f"{problem}, or keep the resolution with `resolution_ratio` 1") from None


def _go_on(
    setup: Setup, folder: RunFolder, workers: int | WorkerSettings, listener: Listener
) -> FamilyResult:
    """Run the rule from its start; what the log holds is not measured again."""
    started = time.monotonic()
    before = float(folder.manifest.get("seconds", 0.0))

    def spent() -> float:
        return round(before + time.monotonic() - started, 3)

    with EvaluationLog(folder.log, folder.guard, step_key) as log, make_workers(workers) as pool:
        try:
            bench = ScaleBench(setup.config, pool, log, listener, _capacity(setup))
            outcome = _scored(setup, bench, _run_rule(setup, bench, listener))
        except KeyboardInterrupt:
            folder.update(state="interrupted", seconds=spent())
            raise Interrupted(folder.path) from None
    if not outcome.members:
        folder.update(state="failed", seconds=spent())
        raise NothingFeasible("; ".join(outcome.missed.values()) + f" (children: {folder.log})")
    listener.stage("writing files", str(folder.path))
    document = family_document(setup, outcome)
    write_members(setup, folder, outcome, document)
    folder.update(state="finished", seconds=spent())
    return FamilyResult(folder.path, document, spent())


def _capacity(setup: Setup) -> RelativeCapacity | None:
    """What decides between children of a contraction where no proxy was named."""
    if setup.config.rule != "contract" or setup.config.deciding:
        return None
    return RelativeCapacity.of(setup.seed, setup.pricer.price)


def _run_rule(setup: Setup, bench: ScaleBench, listener: Listener) -> Outcome:
    config = setup.config
    rule = RULES[config.rule]
    judge = dataclasses.replace(
        judge_without_scores(setup),
        score=bench.score,
        higher_is_better=bench.higher_is_better,
        record=bench.record,
        watch=_watching(listener, rule.doing, config.sizes),
    )
    judge.watch(Network(setup.seed, judge.price(setup.seed)))
    return rule.run(setup.seed, config.sizes, judge, config.rule_settings())


def _watching(listener: Listener, verb: str, sizes: Sequence[int]) -> Callable[[Network], None]:
    """A stage for every step: where it stands, and what is wanted."""
    wanted = ", ".join(format_quantity("params", size) for size in sizes)

    def watch(network: Network) -> None:
        listener.stage(f"{verb} from {network.size}", f"{network.move or 'the start'}; to {wanted}")

    return watch


def _scored(setup: Setup, bench: ScaleBench, outcome: Outcome) -> Outcome:
    """Members of a compound family with scores by the proxies that the user named."""
    config = setup.config
    if config.rule != "compound" or not config.proxies:
        return outcome
    networks = list(outcome.members.values())
    children = [Child(n.architecture, n.move) for n in networks]
    scores = bench.measure(SCORED_AT_END, children, config.proxies)
    members = {
        size: dataclasses.replace(network, scores=row)
        for (size, network), row in zip(outcome.members.items(), scores, strict=True)
    }
    return dataclasses.replace(outcome, members=members)
