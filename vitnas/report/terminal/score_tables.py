"""What files cost and score, as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.hardware.targets import Coverage, Target
from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.notes import about_memory, origins
from vitnas.report.terminal.tables import cost_columns, time_columns


def score_tables(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Costs with a line a file, then its scores with a line each.

    Args:
        rows: what ``vitnas.scoring.score`` returns.
    """
    parts: list[RenderableType] = [_costs(rows)]
    targets = _targets(rows)
    coverages = [_coverages(rows, k) for k in range(len(targets))]
    lines = origins(targets, coverages)
    lines += [note] if (note := about_memory(targets, rows[0].get("batch"), rows)) else []
    lines += [f"× {row['name']} exceeds {limit}" for row in rows for limit in row.get("exceeds") or ()]
    if lines:
        parts += [Text(), *map(Text, lines)]
    if any(row["scores"] or row.get("failures") for row in rows):
        notes = [f"{row['name']}: {note}" for row in rows for note in row.get("notes") or ()]
        parts += [Text(), _scores(rows), *map(Text, notes), Text("A score is not an accuracy.")]
    return Group(*parts)


def _costs(rows: Sequence[Mapping[str, Any]]) -> FittedTable:
    columns = [
        Column("network", [str(row["name"]) for row in rows], right=False),
        Column("id", [str(row["id"]) for row in rows], right=False, drop=70),
    ]
    return FittedTable([*columns, *cost_columns(rows), *time_columns(_targets(rows), rows)])


def _targets(rows: Sequence[Mapping[str, Any]]) -> list[Target]:
    """The devices, which are the same in every row."""
    names = [field.name for field in dataclasses.fields(Target)]
    return [Target(**{name: target[name] for name in names}) for target in rows[0].get("targets") or ()]


def _coverages(rows: Sequence[Mapping[str, Any]], device: int) -> list[Coverage]:
    found = [row["targets"][device].get("coverage") for row in rows]
    return [Coverage(**coverage) for coverage in found if coverage]


def _scores(rows: Sequence[Mapping[str, Any]]) -> FittedTable:
    lines = []
    for row in rows:
        failures = row.get("failures") or {}
        names = dict.fromkeys([*row["scores"], *failures])
        for k, name in enumerate(names):
            value = row["scores"].get(name)
            spread = (row.get("spreads") or {}).get(name)
            text = f"failed: {failures.get(name, 'no value')}"
            if value is not None:
                text = f"{value:.6g} ± {spread:.2g}" if spread else f"{value:.6g}"
            lines.append(("" if k else str(row["name"]), name, text))
    columns = list(zip(*lines, strict=True))
    return FittedTable(
        [
            Column("network", columns[0], right=False),
            Column("score", columns[1], right=False),
            Column("value", columns[2], right=False, wraps=True),
        ]
    )
