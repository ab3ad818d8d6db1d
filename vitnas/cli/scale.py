"""``vitnas scale``: a family of networks from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._option import Option, joined, panel, takes
from vitnas.cli._runs import gives_settings, refuse_beside_resume, refuse_changes
from vitnas.errors import InvalidInput, MissingExtra, NothingFeasible

if TYPE_CHECKING:
    from vitnas.scaling.config import ScaleConfig
    from vitnas.scaling.family_files import FamilyResult

CHANGEABLE = ("resume", *o.WORKER_NAMES, "as_json")  # what may stand beside --resume
RULE_SETTINGS = panel(
    "Settings of the rules",
    Option(
        "width_multiple",
        "NUMBER",
        "Widths are multiples of it [default: 4 for asvit, else 8].",
        int | None,
    ),
    Option("max_width", "NUMBER", "asvit, compound: no stage is wider [default: no limit].", int | None),
    Option(
        "proxy_width",
        "SHARE",
        "asvit: proxies see a network of this share of the widths [default: 0.25].",
        float | None,
    ),
    Option(
        "overshoot",
        "SHARE",
        "asvit: children this much above the largest size are dropped [default: 0.1].",
        float | None,
    ),
    Option(
        "depth_ratio",
        "FACTOR",
        "compound: of depth for one unit of the coefficient [default: 1.2].",
        float | None,
    ),
    Option("width_ratio", "FACTOR", "compound: the same of width [default: 1.1].", float | None),
    Option(
        "resolution_ratio",
        "FACTOR",
        "compound: the same of resolution [default: 1.15; 1 where the device answers for no other].",
        float | None,
    ),
    Option("shrink", "SHARE", "contract: what a step leaves of a cost [default: 0.9].", float | None),
    o.REPEATS,
)
OPTIONS = (
    o.FILE,
    *panel(
        "What to scale",
        Option("to", "SIZES", "Numbers of parameters, such as 5M,12M,26M (or repeat it).", list[str] | None),
        Option(
            "rule",
            "RULE",
            "asvit: grow, the child with the best proxies survives. compound: depth, width and resolution "
            "together, up and down. contract: shrink step by step, under bounds.",
        ),
        o.TARGET,
        o.BATCH,
        o.PROXIES.but(
            help="A score from 'vitnas proxies' that decides between children; repeat it for more [default: "
            "ntk_condition and length_distortion for asvit, capacity for contract; compound decides nothing "
            "by scores, its networks get them]."
        ),
    ),
    *o.budget_options(),
    *RULE_SETTINGS,
    *panel("Settings of the rules", o.IMAGES, o.DEVICE, o.SEED),
    *o.WORKERS,
    *panel("Run and output", o.NAME.but(help="Of the run [default: FILE-RULE-N]."), o.OUT, o.RESUME, o.JSON),
)


@takes(*OPTIONS)
def scale(ctx: typer.Context, **given: Any) -> None:
    """Scale one network into a family: S, M, L.

    They are written to runs/NAME/family/ as files that a trainer loads. For example:
    vitnas scale efficientformer:s0 --to 6M,12M,26M --rule compound --target iphone12
    """
    workers = o.worker_settings(given)
    config = None
    if given["resume"] is not None and not gives_settings(ctx, "file"):
        refuse_changes(ctx, CHANGEABLE)
    else:
        if given["resume"] is not None:
            refuse_beside_resume(ctx, "name", "out")
        config = _config(given)
    with _common.view(given["as_json"]) as view:
        result = _result(given, config, workers=workers, listener=view)
    _finish(result, given["as_json"])


def _result(given: dict[str, Any], config: ScaleConfig | None, **how: Any) -> FamilyResult:
    from vitnas.scaling.run_scale import resume_scale, run_scale

    if given["resume"] is not None:
        return resume_scale(given["resume"], config=config, **how)
    assert config is not None, "a run that begins has settings"
    return run_scale(config, root=given["out"], name=given["name"], **how)


def _config(given: dict[str, Any]) -> ScaleConfig:
    from vitnas.scaling.config import RULES, ScaleConfig, parse_sizes

    if given["file"] is None:
        raise InvalidInput("name an architecture file or a published network (SPACE:NAME), or --resume a run")
    if not given["to"]:
        raise InvalidInput("--to is missing: numbers of parameters, such as --to 5M,12M,26M")
    if given["rule"] is None:
        raise InvalidInput(f"--rule is missing: one of {', '.join(RULES)}")
    return ScaleConfig(
        file=given["file"],
        rule=given["rule"],
        sizes=parse_sizes(joined(given["to"]) or ""),
        target=joined(given["target"]),
        budgets=o.budgets_of(given),
        batch=given["batch"],
        proxies=tuple(given["proxies"] or ()),
        settings={s.name: given[s.name] for s in RULE_SETTINGS if given[s.name] is not None},
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
