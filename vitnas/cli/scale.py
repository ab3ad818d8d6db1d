"""``vitnas scale``: a family of networks from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas.cli import _common
from vitnas.cli import _worker_options as w
from vitnas.cli._runs import gives_settings, refuse_beside_resume, refuse_changes
from vitnas.errors import InvalidInput, MissingExtra, NothingFeasible

if TYPE_CHECKING:
    from vitnas.scaling.config import ScaleConfig
    from vitnas.scaling.run_scale import FamilyResult

LIMITS = ("max_latency", "min_throughput", "max_params", "max_macs", "max_activation_memory")
SETTINGS = (
    *("width_multiple", "max_width", "proxy_width", "overshoot", "depth_ratio", "width_ratio"),
    *("resolution_ratio", "shrink", "repeats"),
)
CHANGEABLE = ("resume", *w.WORKER_OPTIONS, "as_json")  # what may stand beside --resume


def _option(panel: str, metavar: str | None, text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=panel, show_default=False)


_WHAT, _LIMITS, _RULE, _RUN = "What to scale", "Budgets", "Settings of the rules", "Run and output"
File = Annotated[
    str | None,
    typer.Argument(
        help="An architecture's file, or a published network such as efficientformer:s0.",
        metavar="FILE",
        show_default=False,
    ),
]
To = Annotated[str | None, _option(_WHAT, "SIZES", "Numbers of parameters, such as 5M,12M,26M.", "--to")]
Rule = Annotated[
    str | None,
    _option(
        _WHAT,
        "RULE",
        "asvit: grow, the child with the best proxies survives. compound: depth, width and resolution "
        "together, up and down. contract: shrink step by step, under bounds.",
    ),
]
Target = Annotated[
    str | None, _option(_WHAT, "DEVICE", "A name from 'vitnas devices', a profile, or A,B; for latencies.")
]
Batch = Annotated[
    int | None, _option(_WHAT, "NUMBER", "Images in a call, for latency and activation memory.")
]
Proxies = Annotated[
    list[str] | None,
    _option(
        _WHAT,
        "NAME",
        "A score from 'vitnas proxies' that decides between children; repeat it for more "
        "[default: ntk_condition and length_distortion for asvit, capacity for contract; compound decides "
        "nothing by scores, its networks get them].",
        "--proxy",
    ),
]
MaxLatency = Annotated[
    str | None, _option(_LIMITS, "TIME", "Of every network, such as 1.6ms, or A=1.6ms,B=3ms.")
]
MinThroughput = Annotated[str | None, _option(_LIMITS, "NUMBER", "Images a second, such as 5000.")]
MaxParams = Annotated[str | None, _option(_LIMITS, "NUMBER", "Parameters, such as 13M.")]
MaxMacs = Annotated[
    str | None, _option(_LIMITS, "NUMBER", "Multiply-accumulates of one image, such as 1.3G.")
]
MaxMemory = Annotated[
    str | None,
    _option(_LIMITS, "SIZE", "Peak memory of a call's activations.", "--max-activation-memory"),
]
WidthMultiple = Annotated[
    int | None,
    _option(
        _RULE, "NUMBER", "Widths are multiples of it [default: 4 for asvit, else 8].", "--width-multiple"
    ),
]
MaxWidth = Annotated[
    int | None, _option(_RULE, "NUMBER", "asvit, compound: no stage is wider [default: no limit].")
]
ProxyWidth = Annotated[
    float | None,
    _option(_RULE, "SHARE", "asvit: proxies see a network of this share of the widths [default: 0.25]."),
]
Overshoot = Annotated[
    float | None,
    _option(_RULE, "SHARE", "asvit: children this much above the largest size are dropped [default: 0.1]."),
]
DepthRatio = Annotated[
    float | None,
    _option(_RULE, "FACTOR", "compound: of depth for one unit of the coefficient [default: 1.2]."),
]
WidthRatio = Annotated[float | None, _option(_RULE, "FACTOR", "compound: the same of width [default: 1.1].")]
ResolutionRatio = Annotated[
    float | None,
    _option(
        _RULE,
        "FACTOR",
        "compound: the same of resolution [default: 1.15; 1 where the device answers for no other].",
    ),
]
Shrink = Annotated[
    float | None, _option(_RULE, "SHARE", "contract: what a step leaves of a cost [default: 0.9].")
]
Repeats = Annotated[
    int | None, _option(_RULE, "NUMBER", "Initialisations that a proxy averages over [default: its own].")
]
Images = Annotated[
    str | None, _option(_RULE, "PATH", "Images for proxies: a folder or .npz [default: Gaussian noise].")
]
Device = Annotated[
    str, _option(_RULE, "NAME", "Where proxies are computed: cpu, cuda, cuda:1 [default: cpu].", "--device")
]
Seed = Annotated[int, _option(_RULE, "NUMBER", "Of what proxies draw [default: 0].")]
Name = Annotated[str | None, _option(_RUN, "NAME", "Of the run [default: FILE-RULE-N].")]
Out = Annotated[str, _option(_RUN, "FOLDER", "Where runs are written [default: runs].")]
Resume = Annotated[
    str | None,
    _option(
        _RUN,
        "RUN",
        "Go on with a run's folder; only who works (--workers, --ray and so on) and --json may change. "
        "With the settings of a whole command: begin the run there, or go on with it.",
    ),
]
Json = Annotated[bool, _option(_RUN, None, "One JSON document on stdout; progress goes to stderr.", "--json")]


def scale(
    ctx: typer.Context,
    file: File = None,
    to: To = None,
    rule: Rule = None,
    target: Target = None,
    batch: Batch = None,
    proxies: Proxies = None,
    max_latency: MaxLatency = None,
    min_throughput: MinThroughput = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_activation_memory: MaxMemory = None,
    width_multiple: WidthMultiple = None,
    max_width: MaxWidth = None,
    proxy_width: ProxyWidth = None,
    overshoot: Overshoot = None,
    depth_ratio: DepthRatio = None,
    width_ratio: WidthRatio = None,
    resolution_ratio: ResolutionRatio = None,
    shrink: Shrink = None,
    repeats: Repeats = None,
    images: Images = None,
    device: Device = "cpu",
    seed: Seed = 0,
    workers: w.Workers = None,
    ray: w.Ray = None,
    cpus_per_worker: w.CpusPerWorker = None,
    gpus_per_worker: w.GpusPerWorker = None,
    candidate_timeout: w.CandidateTimeout = None,
    name: Name = None,
    out: Out = "runs",
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Scale one network into a family: S, M, L.

    They are written to runs/NAME/family/ as files that a trainer loads. For example:
    vitnas scale efficientformer:s0 --to 6M,12M,26M --rule compound --target iphone12
    """
    from vitnas.scaling.run_scale import resume_scale, run_scale

    who = w.worker_settings(ctx)

    if resume is not None and not gives_settings(ctx, "file"):
        refuse_changes(ctx, CHANGEABLE)
        with _common.view(as_json) as view:
            result = resume_scale(resume, workers=who, listener=view)
    else:
        if resume is not None:
            refuse_beside_resume(ctx, "name", "out")
        config = _config(ctx)
        with _common.view(as_json) as view:
            if resume is not None:
                result = resume_scale(resume, config=config, workers=who, listener=view)
            else:
                result = run_scale(config, root=out, name=name, workers=who, listener=view)
    _finish(result, as_json)


def _config(ctx: typer.Context) -> ScaleConfig:
    from vitnas.scaling.config import RULES, ScaleConfig, parse_sizes

    given = ctx.params
    if given["file"] is None:
        raise InvalidInput("name an architecture file or a published network (SPACE:NAME), or --resume a run")
    if given["to"] is None:
        raise InvalidInput("--to is missing: numbers of parameters, such as --to 5M,12M,26M")
    if given["rule"] is None:
        raise InvalidInput(f"--rule is missing: one of {', '.join(RULES)}")
    return ScaleConfig(
        file=given["file"],
        rule=given["rule"],
        sizes=parse_sizes(given["to"]),
        target=given["target"],
        budgets=tuple((n.replace("_", "-"), given[n]) for n in LIMITS if given[n] is not None),
        batch=given["batch"],
        proxies=tuple(given["proxies"] or ()),
        settings={name: given[name] for name in SETTINGS if given[name] is not None},
        images=given["images"],
        device=given["device"],
        seed=given["seed"],
    )


def _finish(result: FamilyResult, as_json: bool) -> None:
    """Print the family; a size that was missed is an error, after what was found is on the screen."""
    from vitnas.report.figures.family_plot import write_family_plot
    from vitnas.report.terminal.family_table import family_report

    picture: Path | None = result.path / "family.png"
    try:
        write_family_plot(result.path / "family.png", result.document)
    except MissingExtra:
        picture = None
    if as_json:
        _common.print_json(result.to_dict())
    else:
        _common.console().print(family_report(result.document))
        shown = [str(result.path / "family"), *([str(picture)] if picture else [])]
        typer.echo(f"\nwritten: {', '.join(shown)}")
    if result.missed:
        raise NothingFeasible("; ".join(result.missed.values()))
