"""The held-out predictions behind a profile's error, as a CSV beside it: ``NAME.check.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitnas.formats.csv_table import read_csv
from vitnas.formats.resolution import Resolution, as_scalar
from vitnas.store.disk import atomic_write_csv

COLUMNS = ("network", "family", "resolution_px", "true_ms", "predicted_ms")


@dataclass(frozen=True)
class HeldOut:
    """A network that the prediction was not made from.

    Attributes:
        network: its name.
        family: left out together; empty where networks were left out one by one.
        resolution_px: of the input; 0 if nobody said.
        true_ms: as measured or published (of a throughput, milliseconds an image).
        predicted_ms: without having seen it.
    """

    network: str
    family: str
    resolution_px: Resolution
    true_ms: float
    predicted_ms: float


def check_path(profile_path: Path) -> Path:
    """Where the predictions of a profile stand."""
    return profile_path.with_name(f"{profile_path.stem}.check.csv")


def write_check(path: Path, rows: Sequence[HeldOut]) -> None:
    """Write the CSV."""
    figures = [
        (r.network, r.family, as_scalar(r.resolution_px), f"{r.true_ms:.5g}", f"{r.predicted_ms:.5g}")
        for r in rows
    ]
    atomic_write_csv(path, [COLUMNS, *figures])


def read_check(path: Path) -> list[HeldOut]:
    """Read the CSV.

    Raises:
        InvalidData: it cannot be read, or is none; says file and line.
    """
    return [
        HeldOut(
            row["network"],
            row["family"],
            0 if row["resolution_px"] == "0" else row.resolution("resolution_px") or 0,
            row.number("true_ms"),
            row.number("predicted_ms"),
        )
        for row in read_csv(path, COLUMNS).rows
    ]
