"""What files cost and score, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.report.axes import cost_axis
from vitnas.report.columns import Column, FittedTable
from vitnas.report.tables import latency


def score_tables(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Costs with a line a file, then its scores with a line each.

    Args:
        rows: what ``vitnas.job.score`` returns.
    """
    parts: list[RenderableType] = [_costs(rows)]
    labels = dict.fromkeys(str(row["device"]) for row in rows if row.get("device"))
    parts += [Text(f"\nlatency: {label}") for label in labels]
    if any(row["scores"] or row.get("failures") for row in rows):
        parts += [Text(), _scores(rows), Text("A score is not an accuracy.")]
    return Group(*parts)


def _costs(rows: Sequence[Mapping[str, Any]]) -> FittedTable:
    def cost(name: str, header: str, drop: int) -> Column:
        return Column(header, [cost_axis(name).text(row.get(name)) for row in rows], drop=drop)

    columns = [
        Column("\nnetwork", [str(row["name"]) for row in rows], right=False),
        Column("\nid", [str(row["id"]) for row in rows], right=False, drop=3),
        cost("params", "params\nM", 0),
        cost("macs", "MACs\nG", 0),
        cost("activations", "activations\nM", 2),
        cost("peak_bytes", "memory\nMiB", 1),
    ]
    if any(row.get("latency_ms") is not None for row in rows):
        cells = [latency(row.get("latency_ms"), _band(row)) for row in rows]
        columns.append(Column("latency\nms", cells))
    return FittedTable(columns)


def _band(row: Mapping[str, Any]) -> float:
    band = row.get("latency_band")
    return math.nan if band is None else float(band)


def _scores(rows: Sequence[Mapping[str, Any]]) -> FittedTable:
    lines = []
    for row in rows:
        failures = row.get("failures") or {}
        names = dict.fromkeys([*row["scores"], *failures])
        for k, name in enumerate(names):
            value = row["scores"].get(name)
            text = f"{value:.6g}" if value is not None else f"failed: {failures.get(name, 'no value')}"
            lines.append(("" if k else str(row["name"]), name, text))
    columns = list(zip(*lines, strict=True))
    return FittedTable(
        [
            Column("network", columns[0], right=False),
            Column("score", columns[1], right=False),
            Column("value", columns[2], right=False, wraps=True),
        ]
    )
