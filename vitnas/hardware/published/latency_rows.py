"""Published latencies of whole networks, one a CSV row.

Rows of throughputs are milliseconds an image, with the batch in a column of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitnas.errors import InvalidData
from vitnas.formats.csv_table import Row, read_csv
from vitnas.formats.resolution import Resolution

REQUIRED_COLUMNS = ("timm_name_if_any", "resolution", "latency_ms")
MOST = 1_000_000  # images of a call


@dataclass(frozen=True)
class LatencyRow:
    """One published latency.

    Attributes:
        timm_name: empty if timm has no such network; ``torchvision:NAME`` is one of torchvision's.
        resolution_px: None if the source does not say it; the network's default is taken then.
        latency_ms: of a call; of a throughput, of an image.
        model, family, device, runtime, source: as the file says, empty if it does not.
        line: in the file, the header being line 1.
        batch: images a call; None if the file does not say it.
        architecture: of ours, or a published network of a space; empty if the file does not say one.
    """

    timm_name: str
    resolution_px: Resolution | None
    latency_ms: float
    model: str = ""
    family: str = ""
    device: str = ""
    runtime: str = ""
    source: str = ""
    line: int = 0
    batch: int | None = None
    architecture: str = ""


def read_rows(path: str | Path, device_filter: str = "") -> list[LatencyRow]:
    """Read a CSV with the columns ``timm_name_if_any, resolution, latency_ms`` and any others.

    Args:
        path: UTF-8, comma-separated, with a header.
        device_filter: keep the rows whose device or runtime contains this text, ignoring case. Without it
            every row is kept, whatever device and runtime it names.

    Raises:
        InvalidData: not readable, a column is missing, a cell is no number, or no row is left; says file,
            line and column.
    """
    rows = [_parse(row) for row in read_csv(path, REQUIRED_COLUMNS, whole_rows=False).rows]
    if not rows:
        raise InvalidData(f"{path}: no rows below the header")
    wanted = device_filter.lower()
    kept = [row for row in rows if wanted in f"{row.device}\n{row.runtime}".lower()]
    if not kept:
        named = sorted({row.device for row in rows if row.device}) or ["none named"]
        raise InvalidData(
            f"{path}: no row's device or runtime contains '{device_filter}' ({', '.join(named)})"
        )
    return kept


def _parse(row: Row) -> LatencyRow:
    latency_ms = row.number("latency_ms")
    if latency_ms <= 0:
        row.fail("latency_ms", f"{row['latency_ms']} is no latency; it must be positive")
    return LatencyRow(
        timm_name=row["timm_name_if_any"],
        resolution_px=row.resolution("resolution"),
        latency_ms=latency_ms,
        model=row["model"],
        family=row["family"],
        device=row["device"],
        runtime=row["runtime"],
        source=row["source"],
        line=row.line,
        batch=_count(row, "batch"),
        architecture=row["architecture"],
    )


def _count(row: Row, column: str) -> int | None:
    """A whole number above 0; None where the cell is blank."""
    if not row[column]:
        return None
    count = row.whole(column)
    if not 1 <= count <= MOST:
        row.fail(column, f"{row[column]} is out of range (1 to {MOST:,})")
    return count
