"""``vitnas profile``: make a device from published latencies, and check one against measurements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vitnas.hardware.check import CheckResult
    from vitnas.hardware.fit_profile import FittedProfile
    from vitnas.hardware.metrics import ErrorSummary
    from vitnas.hardware.rows import LatencyRow

app = typer.Typer(no_args_is_help=True, help="Fit a device to published latencies; check one against them.")


@app.command()
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
) -> None:
    """Fit a roofline to published latencies and write it as a device.

    A profile of that name in the folder keeps its headings (title, description, conditions, noise) unless
    they are given here.
    """
    from vitnas.hardware.fit_profile import Headings, fit_profile

    headings = Headings(title, description, device, runtime, os, compute_units, dtype, noise)
    with _Progress("tracing") as progress:
        made = fit_profile(rows, name, out, headings, progress)
    _print_fit(made)


@app.command()
def check(
    device: Annotated[str, typer.Argument(help="A device, or a profile's file.")],
    truth: Annotated[Path, typer.Option(help="CSV with timm_name_if_any, resolution, latency_ms.")],
    device_filter: Annotated[
        str, typer.Option(help="Keep rows whose device or runtime contains this text; all rows without it.")
    ] = "",
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst rows to print.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Predict the networks of a CSV and print how far off the device is.

    Every row of the file counts, whatever device and runtime it names, unless --device-filter says otherwise.
    """
    from vitnas.hardware.check import check as run_check
    from vitnas.hardware.fitted import load_device

    priced = load_device(device)
    with _Progress("tracing") as progress:
        result = run_check(priced, truth, device_filter=device_filter, progress=progress)
    if as_json:
        typer.echo(json.dumps({"device": priced.profile.name, **result.to_dict()}))
    else:
        typer.echo(priced.label)
        _print_check(result, worst)


def _print_fit(made: FittedProfile) -> None:
    error = made.profile.error
    assert error is not None
    typer.echo(f"{made.profile.name}: {made.profile.source}")
    typer.echo(f"\nerror, {error.method}:")
    _print_summary(made.result.error)
    families = sorted(error.families.items(), key=lambda item: -item[1][1])
    _print_table(("family", "rows", "MAPE %"), [(f, str(n), f"{100 * e:.1f}") for f, (n, e) in families])
    typer.echo(f"\nband ±{100 * error.band:.1f} %; 80 % of the truths within x{error.interval_80[0]:.2f} to "
               f"x{error.interval_80[1]:.2f} of the prediction")  # fmt: skip
    _print_table(("coefficient", "value"), [(k, f"{v:.4g}") for k, v in made.profile.coefficients.items()])
    _print_skipped(made.skipped)
    if made.warning:
        typer.echo(f"warning: {made.warning}", err=True)
    typer.echo(f"\nwrote {made.path}")


def _print_check(result: CheckResult, worst: int) -> None:
    _print_summary(result.summary)
    if worst:
        typer.echo("\nworst rows:")
    rows = [
        (
            checked.row.model or checked.row.timm_name,
            str(checked.row.resolution_px or "default"),
            f"{checked.row.latency_ms:g}",
            f"{checked.predicted_ms:.2f}",
            f"{100 * checked.error:+.0f}",
            "; ".join(checked.out_of_domain),
        )
        for checked in result.worst(worst)
    ]
    if rows:
        _print_table(("model", "px", "truth ms", "predicted ms", "error %", "out of domain"), rows)
    _print_skipped(result.skipped)


def _print_summary(summary: ErrorSummary) -> None:
    typer.echo(
        f"n {summary.n}   MAPE {100 * summary.mape:.1f} %   "
        f"median error {100 * summary.median_error:.1f} %   90 % quantile {100 * summary.p90:.1f} %\n"
        f"within 10 %: {100 * summary.within_10:.0f} %   within 20 %: {100 * summary.within_20:.0f} %   "
        f"Spearman {summary.spearman:.3f}   Kendall {summary.kendall:.3f}"
    )


def _print_skipped(skipped: Sequence[tuple[LatencyRow, str]]) -> None:
    if skipped:
        typer.echo(f"\nskipped {len(skipped)} rows:")
        _print_table(
            ("line", "model", "reason"), [(str(r.line), r.model or r.timm_name, why) for r, why in skipped]
        )


def _print_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A rich table on a terminal, aligned text elsewhere."""
    from rich.console import Console
    from rich.table import Table

    lines = list(rows)
    console = Console()
    if console.is_terminal:
        table = Table(*header)
        for line in lines:
            table.add_row(*line)
        console.print(table)
        return
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]
    for line in (header, *lines):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


class _Progress:
    """A line on the terminal's error stream that says which network is being traced; silent elsewhere."""

    def __init__(self, verb: str) -> None:
        from rich.console import Console

        self._verb = verb
        self._status = Console(stderr=True).status(verb)
        self._shown = Console(stderr=True).is_terminal

    def __enter__(self) -> _Progress:
        if self._shown:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._status.stop()

    def __call__(self, row: LatencyRow) -> None:
        self._status.update(f"{self._verb} {row.timm_name or row.model}")
