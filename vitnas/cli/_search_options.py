"""The options of ``vitnas search``, in the order of its help."""

from __future__ import annotations

from typing import Annotated, Any

import typer


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
        _WHAT,
        "NAME",
        "What is maximised: capacity, params, macs, depth, fitted, train (brief trainings, with --data), a "
        "name from 'vitnas proxies', or several as A+B [default: capacity, or fitted with --labels].",
    ),
]
Labels = Annotated[
    str | None,
    _option(
        _WHAT,
        "FILE|RUN",
        "Architectures with known accuracies, to predict others from (quality fitted): a table, or a run "
        "with labels, whose space, device and budgets are taken where none are given.",
    ),
]
Label = Annotated[
    str | None, _option(_WHAT, "NAME", "Column of the labels; more is better [default: the only one].")
]
Active = Annotated[
    bool,
    _option(
        _RUN,
        None,
        "At the end write 50 architectures whose labels would teach most, as 'vitnas label' does.",
        "--active",
    ),
]
Images = Annotated[
    str | None,
    _option(_WHAT, "PATH", "A folder or .npz of images that proxies see, in place of Gaussian ones."),
]
Device = Annotated[
    str,
    _option(
        _RUN,
        "NAME",
        "Where proxies compute and networks are trained: cpu, cuda or cuda:1 [default: cpu].",
        "--device",
    ),
]
Combine = Annotated[
    str | None,
    _option(
        _WHAT,
        "HOW",
        "What A+B is: standard (the sum of standardised scores) or log-rank (of logarithms of ranks) "
        "[default: standard].",
    ),
]
Then = Annotated[
    list[str] | None,
    _option(
        _HOW,
        "QUALITY:N",
        "A rung after the search: N networks of the front, evenly chosen, are scored by another quality, and "
        "the front by that goes on. Repeat it for more rungs, such as naswot:1000 and train:16.",
        "--then",
    ),
]
Preset = Annotated[
    str | None,
    _option(
        _WHAT,
        "NAME",
        "Settings of a published method, as far as they are not given: asvit (space, quality, objective, "
        "strategy).",
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
        "[default: 2M with capacity, 300 with a proxy, 32 with train, 1000 with an optuna strategy, 500 with "
        "reinforce].",
    ),
]
Time = Annotated[str | None, _option(_HOW, "TIME", "Stop proposing after this time: 90s, 2m, 1h.")]
Seed = Annotated[int, _option(_HOW, "NUMBER", "Equal seeds give equal fronts [default: 0].")]
Population = Annotated[int | None, _option(_HOW, "NUMBER", "Of the strategy [default: its own].")]
StrategyOptions = Annotated[
    list[str] | None,
    _option(
        _HOW,
        "NAME=VALUE",
        "An option of the strategy's own (see 'vitnas strategies'); may be repeated.",
        "--strategy-option",
    ),
]
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
InFlight = Annotated[
    int | None,
    _option(
        _HOW,
        "NUMBER",
        "Networks that are scored at once, whatever the number of workers; best four times that number "
        "[default: 32].",
    ),
]
Unordered = Annotated[
    bool,
    _option(
        _HOW,
        None,
        "Learn from scores as they come, not in the order of asking: no worker waits for a slow network, but "
        "the front is another each time.",
        "--unordered",
    ),
]
Name = Annotated[str | None, _option(_RUN, "NAME", "Of the run [default: SPACE-DEVICE-N].")]
Out = Annotated[str, _option(_RUN, "FOLDER", "Where runs are written [default: runs].")]
Resume = Annotated[
    str | None,
    _option(
        _RUN,
        "RUN",
        "Go on with a run's folder; --trials, --time, who works (--workers, --ray and so on), --mirror and "
        "--json may change. With the settings of a whole command: begin the run there, or go on with it.",
    ),
]
Mirror = Annotated[
    str | None,
    _option(
        _RUN,
        "URL",
        "Keep an Optuna study up with the run, such as sqlite:///study.db; see 'vitnas study --help'.",
    ),
]
DryRun = Annotated[
    bool,
    _option(_RUN, None, "Only say what the space holds, what budgets allow, how long it takes.", "--dry-run"),
]
Json = Annotated[bool, _option(_RUN, None, "One JSON document on stdout; progress goes to stderr.", "--json")]
