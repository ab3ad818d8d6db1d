"""Published latencies of whole networks, one a CSV row.

Rows of throughputs are milliseconds an image, with the batch in a column of its own.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vitnas.errors import InvalidData

REQUIRED_COLUMNS = ("timm_name_if_any", "resolution", "latency_ms")

Fail = Callable[[str, str], NoReturn]
"""Column and problem -> raises, naming file, line and column."""


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
    resolution_px: int | None
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
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_header(path, reader.fieldnames or [])
            rows = [_parse(path, reader.line_num, cells) for cells in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InvalidData(f"{path}: cannot be read as CSV: {problem}") from None
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


def _check_header(path: Path, header: object) -> None:
    names = [str(name).strip() for name in header] if isinstance(header, (list, tuple)) else []
    missing = [column for column in REQUIRED_COLUMNS if column not in names]
    if missing:
        hint = " (are the columns separated by ';'?)" if any(";" in name for name in names) else ""
        wanted, found = "', '".join(missing), ", ".join(names) or "nothing"
        raise InvalidData(f"{path}:1: the column '{wanted}' is missing{hint}; found: {found}")


def _parse(path: Path, line: int, cells: dict[str | None, str | list[str] | None]) -> LatencyRow:
    def cell(column: str) -> str:
        value = cells.get(column)
        return value.strip() if isinstance(value, str) else ""

    def fail(column: str, problem: str) -> NoReturn:
        raise InvalidData(f"{path}:{line}: column '{column}': {problem}")

    if cells.get(None):
        extra = ",".join(cells[None] or [])
        raise InvalidData(
            f"{path}:{line}: more cells than columns ('{extra}'); quote text that holds a comma, and write "
            f"decimals with a point"
        )
    return LatencyRow(
        timm_name=cell("timm_name_if_any"),
        resolution_px=_whole(cell("resolution"), "resolution", "number of pixels", fail),
        latency_ms=_latency(cell("latency_ms"), fail),
        model=cell("model"),
        family=cell("family"),
        device=cell("device"),
        runtime=cell("runtime"),
        source=cell("source"),
        line=line,
        batch=_whole(cell("batch"), "batch", "number of images", fail),
        architecture=cell("architecture"),
    )


def _latency(text: str, fail: Fail) -> float:
    try:
        value = float(text)
    except ValueError:
        hint = "; write decimals with a point" if "," in text else ""
        hint = hint or ("; leave the unit out" if text[:1].isdigit() else "")
        fail("latency_ms", f"'{text}' is no number{hint}")
    if not math.isfinite(value) or value <= 0:
        fail("latency_ms", f"{text} is no latency; it must be positive")
    return value


def _whole(text: str, column: str, what: str, fail: Fail) -> int | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        fail(column, f"'{text}' is no {what}")
    if not value.is_integer() or value < 1:
        fail(column, f"{text} is no {what}; it must be a whole number above 0")
    return int(value)
