"""A device's predictions against latencies that somebody measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitnas.cost.device import Device
from vitnas.errors import InvalidData, InvalidInput, VitnasError
from vitnas.hardware.published.latency_rows import LatencyRow, read_rows
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.metrics import ErrorSummary, summarize


@dataclass(frozen=True)
class CheckedRow:
    """A row with its prediction; the error is relative and signed: +0.1 is 10 % too slow a prediction."""

    row: LatencyRow
    predicted_ms: float
    out_of_domain: tuple[str, ...]

    @property
    def error(self) -> float:
        """Predicted / measured - 1."""
        return self.predicted_ms / self.row.latency_ms - 1


@dataclass(frozen=True)
class CheckResult:
    """Predictions for all rows of a file that could be built, and the rest with its reasons."""

    summary: ErrorSummary
    rows: tuple[CheckedRow, ...]
    skipped: tuple[tuple[LatencyRow, str], ...]

    def worst(self, count: int) -> list[CheckedRow]:
        """The rows that are missed most, worst first."""
        return sorted(self.rows, key=lambda checked: -abs(checked.error))[:count]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the summary's figures, ``rows`` and ``skipped``; what is not a number becomes None."""
        figures = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in self.summary.to_dict().items()
        }
        rows = [
            {
                "line": checked.row.line,
                "model": checked.row.model or checked.row.timm_name,
                "timm_name": checked.row.timm_name,
                "resolution": checked.row.resolution_px,
                "latency_ms": checked.row.latency_ms,
                "predicted_ms": round(checked.predicted_ms, 4),
                "error": round(checked.error, 4),
                "out_of_domain": list(checked.out_of_domain),
            }
            for checked in self.rows
        ]
        skipped = [
            {"line": row.line, "model": row.model or row.timm_name, "reason": reason}
            for row, reason in self.skipped
        ]
        return {**figures, "rows": rows, "skipped": skipped}


def check(
    device: Device,
    csv_path: str | Path,
    *,
    device_filter: str = "",
    progress: Callable[[LatencyRow], None] = lambda row: None,
) -> CheckResult:
    """Predict every row of a CSV that names a network, and compare.

    Published networks are none of ours: a device with a table of blocks prices them from their kernels.

    Args:
        device: prices the networks; of a throughput, rows are milliseconds an image.
        csv_path: see `vitnas.hardware.published.latency_rows.read_rows`.
        device_filter: keep rows whose device or runtime contains this text; without it, all rows count, also
            those of other devices.
        progress: called before each row.

    Raises:
        InvalidInput: the device prices no time.
        InvalidData: the file is no such CSV, or none of its rows can be checked.
    """
    if device.metric == "none":
        raise InvalidInput(f"'{device.name}' holds limits and prices no time: there is nothing to check")
    checked: list[CheckedRow] = []
    skipped: list[tuple[LatencyRow, str]] = []
    for row in read_rows(csv_path, device_filter):
        progress(row)
        try:
            checked.append(_checked(device, row))
        except VitnasError as problem:
            skipped.append((row, str(problem)))
    if not checked:
        row, reason = skipped[0]
        raise InvalidData(f"{csv_path}: no row can be checked; line {row.line}: {reason}")
    summary = summarize([c.predicted_ms for c in checked], [c.row.latency_ms for c in checked])
    return CheckResult(summary, tuple(checked), tuple(skipped))


def _checked(device: Device, row: LatencyRow) -> CheckedRow:
    if not row.timm_name:
        raise InvalidData("no timm name")
    if row.batch not in (None, device.batch):
        raise InvalidData(f"batch {row.batch}, not {device.batch}")
    trace = network_trace(row.timm_name, row.resolution_px)
    refusal = device.refusal(None, row.resolution_px).split(";")[0]
    flags = [*([refusal] if refusal else []), *device.out_of_domain(trace, row.resolution_px)]
    return CheckedRow(row, device.base_ms() + device.kernels_ms(trace.kernels), tuple(flags))
