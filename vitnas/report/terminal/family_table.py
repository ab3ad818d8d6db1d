"""A family of networks as a table and a plot, beside the published networks of its space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.figures import Axis, format_quantity
from vitnas.formats.resolution import as_scalar, parse_resolution
from vitnas.hardware.targets import Coverage, Target
from vitnas.report.terminal.axes import cost_axis
from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.member_names import OUT_OF_DOMAIN, PUBLISHED
from vitnas.report.terminal.notes import about_memory, origins
from vitnas.report.terminal.plots import Mark, Scatter
from vitnas.report.terminal.tables import cost_columns, time_columns

Row = Mapping[str, Any]
CAPACITY = Axis("capacity", more_is_better=True)
RULES = {
    "asvit": "grown by As-ViT's rule",
    "compound": "scaled together in depth, width and resolution",
    "contract": "contracted step by step",
}


def family_report(family: Row) -> RenderableType:
    """The table, the plot and what must stand beside them.

    Args:
        family: the document of ``family.json``.
    """
    parts: list[RenderableType] = [family_table(family), Text()]
    plot = family_scatter(family)
    if plot is not None:
        parts += [plot, Text()]
    return Group(*parts, family_notes(family))


def family_table(family: Row) -> RenderableType:
    """The networks and the published ones, by ascending size."""
    rows = _rows(family)
    return FittedTable(_columns(family, rows), ["" if "size" in row else "yellow" for row in rows])


def family_notes(family: Row) -> Text:
    """What must stand beside the figures."""
    return Text("\n".join(_notes(family, _rows(family))))


def _rows(family: Row) -> list[Row]:
    rows = (*family["members"], *family["references"])
    return sorted(rows, key=lambda row: (row["costs"]["params"], "size" not in row))


def targets_of(family: Row) -> list[Target]:
    """The devices."""
    rows = family["targets"]
    return [Target(**{**row, "band": math.nan if row["band"] is None else row["band"]}) for row in rows]


def across(family: Row) -> str:
    """What is drawn across: the first device's latency or throughput, else parameters."""
    timed = [target.cost for target in targets_of(family) if target.cost]
    return timed[0] if timed else "params"


def points_of(cost: str, rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """Name, printed cost and capacity of each network."""
    scale = cost_axis(cost).scale
    return [(short(row), _number(row["costs"].get(cost)) / scale, float(row["capacity"])) for row in rows]


def family_scatter(family: Row) -> Scatter | None:
    """Capacity against latency, or parameters; the published networks are marked."""
    cost = across(family)
    ours = points_of(cost, family["members"])
    if not ours:
        return None
    theirs, axis = points_of(cost, family["references"]), cost_axis(cost)
    return Scatter(
        np.array([[x, y] for _, x, y in ours]),
        axis.label,
        CAPACITY.label,
        [Mark(name, x, y) for name, x, y in theirs],
        right_is_good=axis.more_is_better,
    )


def _number(value: float | int | None) -> float:
    return math.nan if value is None else float(value)


def short(row: Row) -> str:
    """What a network is called where all are of one family: its size, or its published name."""
    if "size" in row:
        return str(row["file"]).rpartition("/")[2].removesuffix(".yaml")
    return str(row["name"]).rpartition(":")[2]


def _columns(family: Row, rows: Sequence[Row]) -> list[Column]:
    marks = [PUBLISHED * ("size" not in r) + OUT_OF_DOMAIN * bool(r["out_of_domain"]) for r in rows]
    columns = [Column("", marks, right=False)] if any(marks) else []
    columns += [
        Column("network", [short(row) for row in rows], right=False),
        Column("depths", [_listed(row["depths"]) for row in rows], right=False, drop=25),
        Column("widths", [_listed(row["widths"]) for row in rows], right=False, drop=30),
    ]
    sizes = [str(as_scalar(parse_resolution(row["resolution_px"]))) for row in rows]
    if len(set(sizes)) > 1:
        columns.append(Column("px", sizes, drop=10))
    costs = [row["costs"] for row in rows]
    columns += [*cost_columns(costs, asked=()), *time_columns(targets_of(family), costs)]
    columns.append(Column("capacity", [CAPACITY.text(row["capacity"]) for row in rows], drop=50))
    for proxy in family["proxies"]:
        cells = [f"{row['scores'][proxy]:.4g}" if proxy in row.get("scores", {}) else "" for row in rows]
        if any(cells):
            columns.append(Column(proxy.replace("_", "\n"), cells, drop=55))
    top1 = [_fact(row, "top1") for row in rows]
    return [*columns, Column("stated\ntop-1", top1, drop=45)] if any(top1) else columns


def _listed(values: Sequence[int]) -> str:
    return "-".join(map(str, values))


def _fact(row: Row, name: str) -> str:
    fact = (row.get("facts") or {}).get(name)
    return f"{fact:.1f}" if isinstance(fact, int | float) else ""


def _notes(family: Row, rows: Sequence[Row]) -> Iterator[str]:
    seed = family["seed"]
    yield f"{RULES[family['rule']]} from {seed['name']}; {_nearness(family)}."
    targets = targets_of(family)
    coverages = [
        [Coverage(**row["coverage"][t.name]) for row in rows if t.name in row.get("coverage", {})]
        for t in targets
    ]
    yield from (f"{text}." for text in origins(targets, coverages))
    memory = about_memory(targets, family.get("batch"), [row["costs"] for row in rows])
    yield from [memory] if memory else []
    yield from (f"bound of a device itself: {limit}." for limit in family["limits"])
    yield "capacity: from shapes alone, comparable within this table. A score is not an accuracy."
    if family["rule"] == "asvit":
        share = family["settings"]["proxy_width"]
        yield f"proxies: of a network of {share:g} of the widths, seed {family['random_seed']}."
    if any("size" not in row for row in rows):
        yield f"{PUBLISHED} published network of the same space; 'stated' are its authors' figures."
    reasons = list(dict.fromkeys(reason for row in rows for reason in row["out_of_domain"]))
    if reasons:
        yield f"{OUT_OF_DOMAIN} its time is a guess, the fit has seen no such network: {reasons[0]}"
    yield from (f"{note}." for note in family["notes"])
    yield from (f"not reached: {reason}." for reason in family["missed"].values())


def _nearness(family: Row) -> str:
    """How far members are from the sizes that were asked for."""
    off = [abs(m["costs"]["params"] / m["size"] - 1) for m in family["members"]]
    if not off:
        return "no size was reached"
    worst = max(range(len(off)), key=lambda k: off[k])
    asked = format_quantity("params", family["members"][worst]["size"])
    how = "nearest to" if family["rule"] == "asvit" else "not above"
    return f"parameters are {how} the size, at most {100 * off[worst]:.1f} % away ({asked})"
