"""``vitnas search``: find the best networks of a space for a device and budgets."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas.cli import _common
from vitnas.cli._values import parse_count, parse_duration
from vitnas.errors import InvalidInput

if TYPE_CHECKING:
    from vitnas.report.live import LiveView
    from vitnas.report.plain import PlainView
    from vitnas.search.config import SearchConfig
    from vitnas.search.events import SearchResult

INTERRUPTED = 130
LIMITS = ("max_latency", "min_throughput", "max_params", "max_macs", "max_activation_memory")
CHANGEABLE = ("resume", "trials", "time", "workers", "as_json")  # what may stand beside --resume


def _option(panel: str, metavar: str | None, text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=panel, show_default=False)


_WHAT, _LIMITS, _HOW, _RUN = "What to search", "Budgets", "How to search", "Run and output"
Space = Annotated[str | None, _option(_WHAT, "SPACE", "A name from 'vitnas spaces', or a YAML file.")]
Target = Annotated[
    str | None,
    _option(
        _WHAT,
        "DEVICE",
        "A name from 'vitnas devices', or a profile; A,B for networks that are good on both. "
        "Without one no latencies.",
    ),
]
Batch = Annotated[
    int | None,
    _option(
        _WHAT,
        "NUMBER",
        "Images in a call: latency and activation memory are those of a call [default: the device's, or 1].",
    ),
]
Resolution = Annotated[
    int | None,
    _option(_WHAT, "NUMBER", "Side of the images, in place of the space's own.", "--resolution-px"),
]
Quality = Annotated[
    str,
    _option(
        _WHAT, "NAME", "What is maximised: capacity, or a name from 'vitnas proxies' [default: capacity]."
    ),
]
Objectives = Annotated[
    list[str] | None,
    _option(
        _WHAT,
        "NAME",
        "quality, latency, throughput, params, macs, activations or memory; repeat it for each. latency "
        "is that of every device, latency@A of one [default: quality, latency or throughput (macs without a "
        "device) and params; with several devices quality and each one's latency or throughput].",
        "--objective",
    ),
]
MaxLatency = Annotated[
    str | None, _option(_LIMITS, "TIME", "Latency on every device, such as 1.6ms, or on each: A=1.6ms,B=3ms.")
]
MinThroughput = Annotated[
    str | None, _option(_LIMITS, "NUMBER", "Images a second on every device, such as 5000, or A=5000,B=800.")
]
MaxParams = Annotated[str | None, _option(_LIMITS, "NUMBER", "Parameters, such as 13M.")]
MaxMacs = Annotated[
    str | None, _option(_LIMITS, "NUMBER", "Multiply-accumulates of one image, such as 1.3G.")
]
MaxMemory = Annotated[
    str | None,
    _option(
        _LIMITS,
        "SIZE",
        "Peak memory of a call's activations, such as 2MB; grows with the batch "
        "[default: a device's own limit, if it has one].",
        "--max-activation-memory",
    ),
]
Strategy = Annotated[
    str, _option(_HOW, "NAME", "Who proposes: a name from 'vitnas strategies' [default: evolution].")
]
Trials = Annotated[
    str | None,
    _option(
        _HOW,
        "NUMBER",
        "Feasible candidates to score, such as 300, 500k or 2M "
        "[default: 2M with capacity, 300 with a proxy, 1000 with an optuna strategy].",
    ),
]
Time = Annotated[str | None, _option(_HOW, "TIME", "Stop proposing after this time: 90s, 2m, 1h.")]
Seed = Annotated[int, _option(_HOW, "NUMBER", "Equal seeds give equal fronts [default: 0].")]
Population = Annotated[int | None, _option(_HOW, "NUMBER", "Of the strategy [default: its own].")]
Front = Annotated[int, _option(_HOW, "NUMBER", "Networks of the front to check and write [default: 20].")]
RandomArm = Annotated[
    bool | None,
    _option(
        _HOW,
        None,
        "Run random search beside it, to see what is gained [default: yes, unless quality is a proxy].",
        "--random-arm/--no-random-arm",
    ),
]
Workers = Annotated[int | None, _option(_RUN, "NUMBER", "Processes that run networks [default: all cores].")]
Name = Annotated[str | None, _option(_RUN, "NAME", "Of the run [default: SPACE-DEVICE-N].")]
Out = Annotated[str, _option(_RUN, "FOLDER", "Where runs are written [default: runs].")]
Resume = Annotated[
    str | None,
    _option(_RUN, "RUN", "Go on with a run's folder; --trials, --time, --workers and --json may change."),
]
DryRun = Annotated[
    bool,
    _option(_RUN, None, "Only say what the space holds, what budgets allow, how long it takes.", "--dry-run"),
]
Json = Annotated[bool, _option(_RUN, None, "One JSON document on stdout; progress goes to stderr.", "--json")]


def search(
    ctx: typer.Context,
    space: Space = None,
    target: Target = None,
    quality: Quality = "capacity",
    objectives: Objectives = None,
    batch: Batch = None,
    resolution_px: Resolution = None,
    max_latency: MaxLatency = None,
    min_throughput: MinThroughput = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_activation_memory: MaxMemory = None,
    strategy: Strategy = "evolution",
    trials: Trials = None,
    time: Time = None,
    seed: Seed = 0,
    population: Population = None,
    front: Front = 20,
    random_arm: RandomArm = None,
    workers: Workers = None,
    name: Name = None,
    out: Out = "runs",
    resume: Resume = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Find the best networks of a space for a device and budgets.

    They are written to runs/NAME/best/ as files that a trainer loads. For example:
    vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms
    """
    number = parse_count(trials, "--trials") if trials else None
    time_s = parse_duration(time, "--time") if time else None
    processes = _cores() if workers is None else workers
    if processes < 1:
        raise InvalidInput(f"--workers: expected at least 1, got {processes}")
    if resume is not None:
        _refuse_changes(ctx)
        _resume(resume, processes, number, time_s, as_json)
        return
    config = _config(ctx, number, time_s)
    if dry_run:
        _dry_run(config, as_json)
        return
    from vitnas.job.search import run_search

    with _view(as_json, time_s) as view:
        result = run_search(config, root=out, name=name, workers=processes, listener=view)
    _finish(result, as_json)


def _config(ctx: typer.Context, trials: int | None, time_s: float | None) -> SearchConfig:
    from vitnas.search.config import SearchConfig

    given = ctx.params
    if given["space"] is None:
        raise InvalidInput("name a space with --space (see 'vitnas spaces'), or a run with --resume")
    limits = [(option.replace("_", "-"), given[option]) for option in LIMITS if given[option] is not None]
    kept = (
        *("space", "target", "quality", "strategy", "seed", "population", "front", "random_arm"),
        *("batch", "resolution_px"),
    )
    return SearchConfig(
        objectives=tuple(given["objectives"] or ()),
        budgets=tuple(limits),
        trials=trials,
        time_s=time_s,
        **{name: given[name] for name in kept},
    )


def _refuse_changes(ctx: typer.Context) -> None:
    """A resumed run proposes what the uninterrupted one would have: its settings stay.

    Raises:
        InvalidInput: names the first option that cannot stand beside ``--resume``.
    """
    flags = {parameter.name: parameter.opts[0] for parameter in ctx.command.params}
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if name not in CHANGEABLE and source is not None and source.name != "DEFAULT":
            raise InvalidInput(
                f"{flags[name]} cannot stand beside --resume: a run keeps its settings "
                "(only --trials, --time, --workers and --json may change)"
            )


def _resume(run: str, workers: int, trials: int | None, time_s: float | None, as_json: bool) -> None:
    from vitnas.job.search import resume_search

    with _view(as_json, time_s) as view:
        result = resume_search(run, workers=workers, trials=trials, time_s=time_s, listener=view)
    _finish(result, as_json)


def _dry_run(config: SearchConfig, as_json: bool) -> None:
    from vitnas.job.preview import dry_run
    from vitnas.report.dry_run import dry_run_table

    with _view(as_json, None) as view:
        found = dry_run(config, listener=view)
    if as_json:
        _common.print_json(found.to_dict())
    else:
        _common.console().print(dry_run_table(found))


def _view(as_json: bool, time_s: float | None) -> LiveView | PlainView:
    """Live on a terminal; plain lines on stderr where one of the streams is none, or with ``--json``."""
    from vitnas.report.live import LiveView
    from vitnas.report.plain import PlainView

    console = _common.console(stderr=True)
    live = _common.is_terminal() and console.is_terminal and not console.is_dumb_terminal
    return LiveView(console, time_s=time_s) if live and not as_json else PlainView(sys.stderr, time_s=time_s)


def _finish(result: SearchResult, as_json: bool) -> None:
    """Print the result, and how to go on where there is something left to do."""
    if as_json:
        _common.print_json(result.to_dict())
    else:
        from vitnas.report.summary import report

        _common.console().print(report(result))
    go_on = f"vitnas search --resume {shlex.quote(str(result.path))}"
    if result.state == "interrupted":
        typer.echo(f"interrupted; this is the front so far. Go on with: {go_on}", err=True)
        raise typer.Exit(INTERRUPTED)
    if result.state == "out of time":
        typer.echo(f"stopped by --time after {result.trials:,} trials. Go on with: {go_on}", err=True)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
