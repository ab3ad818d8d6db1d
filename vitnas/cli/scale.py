"""``vitnas scale``: a family of networks from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._common import say
from vitnas.cli._option import Option, panel, takes
from vitnas.cli._runs import asked
from vitnas.errors import MissingExtra, NothingFeasible, go_on

if TYPE_CHECKING:
    from vitnas.scaling.family_files import FamilyResult

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
    from vitnas.api.start_scale import scale

    family = scale(**asked(ctx), progress=_common.view(given["as_json"]))
    if family.state == "interrupted":
        raise KeyboardInterrupt(f"interrupted; go on with {go_on(family.result.path)}")
    _finish(family.result, given["as_json"])


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
        say(f"\nwritten: {', '.join(shown)}")
    if result.missed:
        raise NothingFeasible("; ".join(result.missed.values()))
