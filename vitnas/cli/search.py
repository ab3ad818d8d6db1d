"""``vitnas search``: find the best networks of a space for a device and budgets."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import _search_options as o
from vitnas.cli import _train_options as t
from vitnas.cli import _worker_options as w
from vitnas.cli._labels import learned
from vitnas.cli._runs import gives_settings, is_default, refuse_beside_resume, refuse_changes
from vitnas.errors import InvalidInput
from vitnas.units import parse_count, parse_duration, parse_pairs

if TYPE_CHECKING:
    from vitnas.run.result import SearchResult
    from vitnas.searching.config import SearchConfig
    from vitnas.workers import WorkerSettings

INTERRUPTED, FAILED = 130, 2
LIMITS = ("max_latency", "min_throughput", "max_params", "max_macs", "max_activation_memory")
CHANGEABLE = ("resume", "trials", "time", *w.WORKER_OPTIONS, "mirror", "as_json")  # beside --resume


def search(
    ctx: typer.Context,
    space: o.Space = None,
    target: o.Target = None,
    quality: o.Quality = "capacity",
    combine: o.Combine = None,
    labels: o.Labels = None,
    label: o.Label = None,
    images: o.Images = None,
    preset: o.Preset = None,
    objectives: o.Objectives = None,
    batch: o.Batch = None,
    resolution_px: o.Resolution = None,
    max_latency: o.MaxLatency = None,
    min_throughput: o.MinThroughput = None,
    max_params: o.MaxParams = None,
    max_macs: o.MaxMacs = None,
    max_activation_memory: o.MaxMemory = None,
    strategy: o.Strategy = "evolution",
    trials: o.Trials = None,
    then: o.Then = None,
    time: o.Time = None,
    seed: o.Seed = 0,
    population: o.Population = None,
    strategy_options: o.StrategyOptions = None,
    front: o.Front = 20,
    random_arm: o.RandomArm = None,
    data: t.Data = None,
    epochs: t.Epochs = None,
    train_batch: t.TrainBatch = None,
    learning_rate: t.LearningRate = None,
    early_stop: t.EarlyStop = None,
    in_flight: o.InFlight = None,
    unordered: o.Unordered = False,
    workers: w.Workers = None,
    ray: w.Ray = None,
    cpus_per_worker: w.CpusPerWorker = None,
    gpus_per_worker: w.GpusPerWorker = None,
    candidate_timeout: w.CandidateTimeout = None,
    device: o.Device = "cpu",
    name: o.Name = None,
    out: o.Out = "runs",
    resume: o.Resume = None,
    mirror: o.Mirror = None,
    active: o.Active = False,
    dry_run: o.DryRun = False,
    as_json: o.Json = False,
) -> None:
    """Find the best networks of a space for a device and budgets.

    They are written to runs/NAME/best/ as files that a trainer loads. For example:
    vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms
    """
    number = parse_count(trials, "--trials") if trials else None
    time_s = parse_duration(time, "--time") if time else None
    who = w.worker_settings(ctx)
    if resume is not None and not gives_settings(ctx, "space", "labels"):
        refuse_changes(ctx, CHANGEABLE)
        _resume(resume, who, number, time_s, mirror, as_json)
        return
    if resume is not None:
        refuse_beside_resume(ctx, "name", "out", "dry_run")
    config = _config(ctx, number, time_s)
    if dry_run:
        _dry_run(config, as_json)
        return
    from vitnas.run.search import resume_search, run_search

    with _common.view(as_json, time_s) as view:
        if resume is not None:
            result = resume_search(resume, config=config, workers=who, mirror=mirror, listener=view)
        else:
            result = run_search(config, root=out, name=name, workers=who, mirror=mirror, listener=view)
    _finish(result, as_json)
    if active:
        from vitnas.cli.label import DEFAULT_COUNT, ask, say_asked

        say_asked(ask(str(result.path), DEFAULT_COUNT), str(result.path), err=True)


def _config(ctx: typer.Context, trials: int | None, time_s: float | None) -> SearchConfig:
    from vitnas.searching.config import SearchConfig

    given = {**ctx.params, **_preset(ctx), **learned(ctx, LIMITS)}
    if given["space"] is None:
        raise InvalidInput("name a space with --space (see 'vitnas spaces'), or a run with --resume")
    limits = [(option.replace("_", "-"), given[option]) for option in LIMITS if given[option] is not None]
    kept = (
        *("space", "target", "quality", "strategy", "seed", "population", "front", "random_arm"),
        *("batch", "resolution_px", "combine", "labels", "label", "images", "device", "in_flight"),
        *t.TRAIN_OPTIONS,
    )
    return SearchConfig(
        objectives=tuple(given["objectives"] or ()),
        then=tuple(given["then"] or ()),
        budgets=tuple(limits),
        strategy_options=tuple(parse_pairs(given["strategy_options"] or (), "--strategy-option").items()),
        ordered=not given["unordered"],
        trials=trials,
        time_s=time_s,
        **{name: given[name] for name in kept},
    )


def _preset(ctx: typer.Context) -> dict[str, Any]:
    """What the preset says of the options that were not given."""
    from vitnas.run.presets import preset

    name = ctx.params["preset"]
    settings = {} if name is None else preset(name)
    return {k: v for k, v in settings.items() if is_default(ctx, k)}


def _resume(
    run: str,
    workers: WorkerSettings,
    trials: int | None,
    time_s: float | None,
    mirror: str | None,
    as_json: bool,
) -> None:
    from vitnas.run.search import resume_search

    with _common.view(as_json, time_s) as view:
        result = resume_search(
            run, workers=workers, trials=trials, time_s=time_s, mirror=mirror, listener=view
        )
    _finish(result, as_json)


def _dry_run(config: SearchConfig, as_json: bool) -> None:
    from vitnas.report.terminal.dry_run_table import dry_run_table
    from vitnas.run.dry_run import dry_run

    with _common.view(as_json, None) as view:
        found = dry_run(config, listener=view)
    if as_json:
        _common.print_json(found.to_dict())
    else:
        _common.console().print(dry_run_table(found))


def _finish(result: SearchResult, as_json: bool) -> None:
    """Print the result, and how to go on where there is something left to do."""
    if as_json:
        _common.print_json(result.to_dict())
    else:
        from vitnas.report.terminal.summary import report

        _common.console().print(report(result))
    go_on = f"vitnas search --resume {shlex.quote(str(result.path))}"
    if result.state == "interrupted":
        typer.echo(f"interrupted; this is the front so far. Go on with: {go_on}", err=True)
        raise typer.Exit(INTERRUPTED)
    if result.state == "rung failed":
        typer.echo(f"the last rung failed; these are the networks of quality {result.quality}", err=True)
        raise typer.Exit(FAILED)
    if result.state == "out of time":
        typer.echo(f"stopped by --time after {result.trials:,} trials. Go on with: {go_on}", err=True)
