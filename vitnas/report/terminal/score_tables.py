"""What files cost and score, and what a score asks for, as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.check.optimum import MOST_RATIO, BoundShare, Optimum, PublishedGap
from vitnas.hardware.targets import Coverage, Target
from vitnas.law.expectation import NAME as EXPECTED
from vitnas.law.expectation import SHORT_CLAIM
from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.member_names import OUT_OF_DOMAIN
from vitnas.report.terminal.notes import about_memory, origins
from vitnas.report.terminal.tables import cost_columns, expected_columns, time_columns
from vitnas.report.terminal.wording import count

BOUNDS = 12  # that are shown at least


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
    lines += [f"expected top-1: {SHORT_CLAIM}"] * any(EXPECTED in row for row in rows)
    lines += [f"× {row['name']} exceeds {limit}" for row in rows for limit in row.get("exceeds") or ()]
    lines += [
        f"{OUT_OF_DOMAIN} the times of {row['name']} are guesses: {reason}"
        for row in rows
        for reason in row.get("out_of_domain") or ()
    ]
    if lines:
        parts += [Text(), *map(Text, lines)]
    if any(row["scores"] or row.get("failures") for row in rows):
        notes = [f"{row['name']}: {note}" for row in rows for note in row.get("notes") or ()]
        parts += [Text(), _scores(rows), *map(Text, notes), Text("A score is not an accuracy.")]
    return Group(*parts)


def _costs(rows: Sequence[Mapping[str, Any]]) -> FittedTable:
    marks = [OUT_OF_DOMAIN * bool(row.get("out_of_domain")) for row in rows]
    columns = [Column("", marks, right=False)] if any(marks) else []
    columns += [
        Column("network", [str(row["name"]) for row in rows], right=False),
        Column("id", [str(row["id"]) for row in rows], right=False, drop=70),
    ]
    expected = expected_columns([row.get(EXPECTED) for row in rows])
    return FittedTable([*columns, *cost_columns(rows), *time_columns(_targets(rows), rows), *expected])


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


def optimum_table(found: Optimum) -> RenderableType:
    """The kinds of genes that the front has most at a bound, then the published networks."""
    suspects = sum(bound.is_suspect for bound in found.bounds)
    head = (
        f"{count(found.networks)} networks of the front by {found.quality}, beside random feasible networks "
        f"of the same {found.cost}"
    )
    parts: list[RenderableType] = [Text(head), Text(), _bounds(found.bounds[: max(BOUNDS, suspects)])]
    if found.published:
        parts += [Text(), _published(found.published)]
    return Group(*parts, Text(), *(Text(line) for line in _verdict(found, suspects)))


def _bounds(bounds: Sequence[BoundShare]) -> FittedTable:
    return FittedTable(
        [
            Column("genes", [b.genes for b in bounds], right=False),
            Column("bound", [f"{b.side} ({b.bound})" for b in bounds], right=False),
            Column("front", [f"{b.front:.0%}" for b in bounds]),
            Column("random", [f"{b.random:.0%}" for b in bounds]),
            Column("ratio", [f"{b.ratio:.1f}{'!' if b.is_suspect else ' '}" for b in bounds]),
        ]
    )


def _published(gaps: Sequence[PublishedGap]) -> FittedTable:
    points = ["" if g.points is None else f"{g.points:.2f}" for g in gaps]
    return FittedTable(
        [
            Column("published", [g.name for g in gaps], right=False),
            Column("better at no higher cost", [count(g.better) for g in gaps]),
            Column("by, of the score", [f"{g.gap:.2g}" for g in gaps]),
            *([Column("in points of top-1", points)] if any(points) else []),
        ]
    )


def _verdict(found: Optimum, suspects: int) -> Iterator[str]:
    if suspects:
        yield (
            f"! {suspects} of {len(found.bounds)} bounds hold over {MOST_RATIO:g} times as many genes as "
            "by chance: look at such networks before you train one, or widen the space there"
        )
    else:
        yield f"no bound holds more than {MOST_RATIO:g} times as many genes as by chance"
    if not found.published:
        yield "no published network of the space can be compared"
