"""``vitnas profile fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitnas.cli.profile._common import Progress, print_skipped, print_summary, print_table

if TYPE_CHECKING:
    from vitnas.hardware.published.fit_profile import FittedProfile


def fit(
    rows: Annotated[Path, typer.Option(help="CSV with timm_name_if_any, resolution, latency_ms, family.")],
    name: Annotated[str, typer.Option(help="Name of the device; writes NAME.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder of the profile.")] = Path("hardware_profiles"),
    title: Annotated[str | None, typer.Option(help="Full name with a version.")] = None,
    description: Annotated[str | None, typer.Option(help="One line on the device.")] = None,
    device: Annotated[str | None, typer.Option(help="Devices the rows were measured on.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Runtime and version.")] = None,
    os: Annotated[str | None, typer.Option(help="Operating system.")] = None,
    compute_units: Annotated[str | None, typer.Option(help="Units that were allowed.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float16 or float32.")] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Mean difference between laboratories, e.g. 0.096; no claim goes below."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="latency, or throughput: then rows are milliseconds an image.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Images a call in the rows [default: 1].")] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            help="What the prior knows: accelerator, hexagon, processor, gpu [default: accelerator]."
        ),
    ] = None,
) -> None:
    """Fit a roofline to published latencies and write it as a device.

    Writes NAME.yaml, and NAME.check.csv with the prediction of every row by a fit without its family. A
    profile of that name in the folder keeps its headings (all options but --rows and --out) unless they are
    given here.
    """
    from vitnas.hardware.published.fit_profile import Headings, fit_profile

    headings = Headings(
        title, description, device, runtime, os, compute_units, dtype, noise, metric, batch, hardware
    )
    with Progress("tracing") as progress:
        made = fit_profile(rows, name, out, headings, progress)
    _print_fit(made)


def _print_fit(made: FittedProfile) -> None:
    from vitnas.hardware.published.compare_file import check_path

    error = made.profile.error
    assert error is not None
    typer.echo(f"{made.profile.name}: {made.profile.source}")
    typer.echo(f"\nerror, {error.method}:")
    print_summary(made.result.error)
    macs_only = made.result.macs_only
    typer.echo(
        f"MACs only, same method: MAPE {100 * macs_only.mape:.1f} %   Spearman {macs_only.spearman:.3f}"
    )
    families = sorted(error.families.items(), key=lambda item: -item[1][1])
    print_table(("family", "rows", "MAPE %"), [(f, str(n), f"{100 * e:.1f}") for f, (n, e) in families])
    typer.echo(f"\nband ±{100 * error.band:.1f} %; 80 % of the truths within x{error.interval_80[0]:.2f} to "
               f"x{error.interval_80[1]:.2f} of the prediction")  # fmt: skip
    print_table(("coefficient", "value"), [(k, f"{v:.4g}") for k, v in made.profile.coefficients.items()])
    print_skipped(made.skipped)
    if made.warning:
        typer.echo(f"warning: {made.warning}", err=True)
    typer.echo(f"\nwrote {made.path} and {check_path(made.path).name}")
