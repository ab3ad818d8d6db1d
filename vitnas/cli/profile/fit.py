"""``vitnas profile fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import options as o
from vitnas.cli._common import print_table, say
from vitnas.cli._option import Option, takes
from vitnas.cli.profile._common import Progress, print_skipped, print_summary

if TYPE_CHECKING:
    from vitnas.hardware.published.fit_profile import FittedProfile


@takes(
    Option("rows", None, "CSV with timm_name_if_any, resolution, latency_ms, family.", Path, ...),
    o.PROFILE_NAME,
    o.PROFILE_OUT,
    *o.HEADINGS,
    Option("dtype", None, "float16 or float32."),
    Option(
        "noise", None, "Mean difference between laboratories, e.g. 0.096; no claim goes below.", float | None
    ),
    Option("metric", None, "latency, or throughput: then rows are milliseconds an image."),
    Option("batch", None, "Images a call in the rows [default: 1].", int | None),
    Option(
        "hardware", None, "What the prior knows: accelerator, hexagon, processor, gpu [default: accelerator]."
    ),
)
def fit(ctx: typer.Context, **given: Any) -> None:
    """Fit a roofline to published latencies and write it as a device.

    Writes NAME.yaml, and NAME.check.csv with the prediction of every row by a fit without its family. A
    profile of that name in the folder keeps its headings (all options but --rows and --out) unless they are
    given here.
    """
    from vitnas.hardware.published.fit_profile import Headings, fit_profile

    rows, name, out = (given.pop(key) for key in ("rows", "name", "out"))
    with Progress("tracing") as progress:
        made = fit_profile(rows, name, out, Headings(**given), progress)
    _print_fit(made)


def _print_fit(made: FittedProfile) -> None:
    from vitnas.hardware.published.compare_file import check_path

    error = made.profile.error
    assert error is not None
    say(f"{made.profile.name}: {made.profile.source}")
    say(f"\nerror, {error.method}:")
    print_summary(made.result.error)
    macs_only = made.result.macs_only
    say(f"MACs only, same method: MAPE {100 * macs_only.mape:.1f} %   Spearman {macs_only.spearman:.3f}")
    families = sorted(error.families.items(), key=lambda item: -item[1][1])
    print_table(("family", "rows", "MAPE %"), [(f, str(n), f"{100 * e:.1f}") for f, (n, e) in families])
    say(f"\nband ±{100 * error.band:.1f} %; 80 % of the truths within x{error.interval_80[0]:.2f} to "
               f"x{error.interval_80[1]:.2f} of the prediction")  # fmt: skip
    print_table(("coefficient", "value"), [(k, f"{v:.4g}") for k, v in made.profile.coefficients.items()])
    print_skipped(made.skipped)
    if made.warning:
        say(f"warning: {made.warning}", err=True)
    say(f"\nwrote {made.path} and {check_path(made.path).name}")
