"""``vitnas profile calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import options as o
from vitnas.cli._common import print_table, say
from vitnas.cli._option import Option, takes
from vitnas.cli.profile._common import Progress, print_skipped, print_summary
from vitnas.formats.resolution import as_scalar

if TYPE_CHECKING:
    from vitnas.hardware.transfer.write_profile import TransferredProfile


@takes(
    Option("source", "DEVICE", "The device to transfer, or a profile's file.", str, ..., positional=True),
    Option(
        "measurements",
        None,
        "CSV with timm_name_if_any, resolution, latency_ms; architecture names ours.",
        Path,
        ...,
    ),
    o.PROFILE_NAME,
    o.PROFILE_OUT,
    *o.HEADINGS,
)
def calibrate(ctx: typer.Context, **given: Any) -> None:
    """Transfer a device to a related device by a few networks measured there.

    A row names a network of timm, or in the column 'architecture' a file or a published network of ours.
    3 networks give one factor for all prices; 10 give the base its own; 15 fit all coefficients again, with
    the old ones as prior. The error is found by leaving out one network after the other.
    """
    from vitnas.hardware.published.fit_profile import Headings
    from vitnas.hardware.transfer.write_profile import transfer_profile

    source, rows, name, out = (given.pop(key) for key in ("source", "measurements", "name", "out"))
    with Progress("tracing") as progress:
        made = transfer_profile(source, rows, name, out, Headings(**given), progress)
    _print_transferred(made)


def _print_transferred(made: TransferredProfile) -> None:
    transferred, profile, error = made.transferred, made.profile, made.profile.error
    assert error is not None
    batch = f" (batches of {profile.conditions.batch})" if profile.conditions.batch > 1 else ""
    say(f"{profile.name}: {profile.source}{batch}")
    say(f"base {transferred.base_ms:.3g} ms, everything else x {transferred.scale:.3g}")
    say("\nerror as it was, on the measured networks:")
    print_summary(made.before)
    say(f"\nexpected error, {error.method}:")
    print_summary(made.after)
    print_table(("network", "px", "measured ms", "left out ms", "error %"), _worst(made))
    say(
        f"\nband ±{100 * error.band:.1f} %: this error and the source's own, for networks unlike these; "
        f"80 % of the truths within x{error.interval_80[0]:.2f} to x{error.interval_80[1]:.2f}"
    )
    print_skipped(made.measurements.skipped)
    for warning in made.warnings:
        say(f"warning: {warning}", err=True)
    say(f"\nwrote {made.path}")


def _worst(made: TransferredProfile) -> list[tuple[str, ...]]:
    """The networks that were missed most, worst first."""
    pairs = list(zip(made.measurements.networks, made.held_out_ms, strict=True))
    pairs.sort(key=lambda pair: -abs(pair[1] / pair[0].row.latency_ms - 1))
    return [
        (
            network.name,
            str(as_scalar(network.row.resolution_px or 0) or "default"),
            f"{network.row.latency_ms:g}",
            f"{predicted_ms:.3g}",
            f"{100 * (predicted_ms / network.row.latency_ms - 1):+.0f}",
        )
        for network, predicted_ms in pairs[:10]
    ]
