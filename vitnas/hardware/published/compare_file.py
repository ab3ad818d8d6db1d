"""The held-out predictions behind a profile's error, as a CSV beside it: ``NAME.check.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitnas.errors import InvalidData

COLUMNS = ("network", "family", "resolution_px", "true_ms", "predicted_ms")


@dataclass(frozen=True)
class HeldOut:
    """A network that the prediction was not made from.

    Attributes:
        network: its name.
        family: left out together; empty where networks were left out one by one.
        resolution_px: of the square input; 0 if nobody said.
        true_ms: as measured or published (of a throughput, milliseconds an image).
        predicted_ms: without having seen it.
    """

    network: str
    family: str
    resolution_px: int
    true_ms: float
    predicted_ms: float


def check_path(profile_path: Path) -> Path:
    """Where the predictions of a profile stand."""
    return profile_path.with_name(f"{profile_path.stem}.check.csv")


def write_check(path: Path, rows: Sequence[HeldOut]) -> None:
    """Write the CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for r in rows:
            writer.writerow(
                (r.network, r.family, r.resolution_px, f"{r.true_ms:.5g}", f"{r.predicted_ms:.5g}")
            )


def read_check(path: Path) -> list[HeldOut]:
    """Read the CSV.

    Raises:
        InvalidData: it cannot be read, or is none; says file and line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return [_row(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InvalidData(f"{path}: cannot be read as CSV: {problem}") from None


def _row(path: Path, line: int, row: dict[str, str]) -> HeldOut:
    try:
        return HeldOut(
            row["network"],
            row["family"],
            int(row["resolution_px"] or 0),
            float(row["true_ms"]),
            float(row["predicted_ms"]),
        )
    except (KeyError, ValueError, TypeError) as problem:
        raise InvalidData(f"{path}:{line}: no held-out prediction: {problem}") from None
