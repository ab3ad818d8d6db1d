"""The front of a search as a table, beside the published networks, with what has to be said about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.report.axes import AXES, cost_axis
from vitnas.report.columns import Column, FittedTable
from vitnas.search.config import DEFAULT_QUALITY
from vitnas.search.events import Member, SearchResult

PUBLISHED, OVER_BUDGET, OUT_OF_DOMAIN = "◆", "×", "!"
HEALTHY = "ok"
VERDICTS = {"suspicious": "suspect"}  # what fits the column
MOST_REASONS = 3
SHORT_NAME = 10  # characters of a name where room is scarce


def front_table(result: SearchResult) -> RenderableType:
    """The front and the published networks, interleaved by the first cost, with notes below."""
    members = _ordered(result)
    styles = ["yellow" if is_published(m) else "" for m in members]
    return Group(FittedTable(_columns(result, members), styles), Text(), *notes(result, members))


def value(member: Member, objective: str) -> float:
    """Of an objective, in its base unit; nan if unknown."""
    cost = AXES[objective].cost
    found = member.costs.get(cost) if cost else member.quality
    return math.nan if found is None else float(found)


def _ordered(result: SearchResult) -> list[Member]:
    """By ascending latency, or the first cost there is."""
    across = next(
        (name for name in ("latency", *result.objectives) if _has(result, AXES[name].cost)), "params"
    )
    return sorted((*result.front, *result.references), key=lambda m: (value(m, across), not is_published(m)))


def _has(result: SearchResult, cost: str) -> bool:
    return bool(cost) and any(m.costs.get(cost) is not None for m in (*result.front, *result.references))


def is_published(member: Member) -> bool:
    """Whether it comes from the space's references and not from the search."""
    return not member.file


def short_name(member: Member) -> str:
    """Name of its file, or what its authors call it."""
    if not is_published(member):
        return member.file.rpartition("/")[2].removesuffix(".yaml")
    return str(member.facts.get("reference") or member.name)


def _marks(member: Member) -> str:
    marks = PUBLISHED * is_published(member) + OVER_BUDGET * (not member.feasible)
    return marks + OUT_OF_DOMAIN * bool(member.out_of_domain)


def _columns(result: SearchResult, members: Sequence[Member]) -> list[Column]:
    def cells(of: Callable[[Member], str]) -> list[str]:
        return [of(m) for m in members]

    def cost(name: str, header: str, drop: int) -> Column:
        return Column(header, cells(lambda m: cost_axis(name).text(m.costs.get(name))), drop=drop)

    names, marks = cells(short_name), cells(_marks)
    columns = [Column("", marks, right=False)] if any(marks) else []
    columns.append(Column("\nnetwork", names, right=False, short=[_cut(name) for name in names]))
    if _has(result, "latency_ms"):
        columns.append(
            Column("latency\nms", cells(lambda m: latency(m.costs.get("latency_ms"), result.band)))
        )
    columns += [
        cost("params", "params\nM", 2),
        cost("macs", "MACs\nG", 4),
        cost("peak_bytes", "memory\nMiB", 6),
        Column("\ndepth", cells(lambda m: str(m.depth)), drop=7),
        Column("\nquality", cells(lambda m: AXES["quality"].text(m.quality))),
    ]
    if any(m.health for m in members):
        verdicts = cells(lambda m: VERDICTS.get(_verdict(m), _verdict(m)))
        columns.append(Column("\nhealth", verdicts, right=False, drop=5))
    if result.references:
        columns.append(Column("stated\ntop-1", cells(lambda m: _fact(m.facts.get("top1"), ".1f")), drop=3))
        stated = cells(lambda m: _fact(_stated_latency(result, m), ".2f"))
        if any(cell.strip() for cell in stated):
            columns.append(Column("stated\nms", stated, drop=1))
    return columns


def latency(value_ms: float | None, band: float) -> str:
    """A latency with its band in ms: ``1.53 ±0.15``."""
    if value_ms is None or math.isnan(value_ms):
        return "-"
    decimals = 2 if value_ms < 100 else 1
    return f"{value_ms:.{decimals}f}" + ("" if math.isnan(band) else f" ±{value_ms * band:.{decimals}f}")


def _cut(name: str) -> str:
    """Long enough to tell files apart, and to find them by completion."""
    return name if len(name) <= SHORT_NAME else name[: SHORT_NAME - 1] + "…"


def _fact(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else ""


def _stated_latency(result: SearchResult, member: Member) -> Any:
    """What the network's authors state for the run's device."""
    stated = member.facts.get("latency_ms") or {}
    target = (result.config.target or "").rpartition("/")[2].removesuffix(".yaml")
    return stated.get(target) if hasattr(stated, "get") else None


def notes(result: SearchResult, members: Sequence[Member]) -> list[Text]:
    """What must stand beside the figures of a front."""
    lines = [
        _about_size(result),
        _about_latency(result, members),
        _about_quality(result),
        *_about_marks(members),
    ]
    lines += [f"{short_name(m)} is {_verdict(m)}: {reasons}" for m in members if (reasons := _complaints(m))]
    return [Text(line) for line in lines if line]


def _verdict(member: Member) -> str:
    return str(member.health.get("verdict", "-"))


def _complaints(member: Member) -> str:
    return _some(member.health.get("reasons") or ()) if _verdict(member) != HEALTHY else ""


def _some(reasons: Sequence[str]) -> str:
    """The first few, and how many there are beyond them."""
    more = [f"and {len(reasons) - MOST_REASONS} more"] if len(reasons) > MOST_REASONS else []
    return "; ".join([*reasons[:MOST_REASONS], *more])


def _about_size(result: SearchResult) -> str:
    shown = len(result.front)
    if shown < result.front_size:
        return f"{shown} of the {result.front_size:,} networks of the front, evenly chosen."
    return ""


def _about_latency(result: SearchResult, members: Sequence[Member]) -> str:
    if not _has(result, "latency_ms"):
        return ""
    line = f"latency: {result.device_label}."
    if not math.isnan(result.band):
        line += " Candidates closer than the band (±) cannot be told apart by latency."
    return line


def _about_quality(result: SearchResult) -> str:
    name = result.config.quality
    of = "from shapes alone" if name == DEFAULT_QUALITY else "in standard deviations of a random sample"
    return f"quality: {name}, {of}. A score is not an accuracy."


def _about_marks(members: Sequence[Member]) -> Iterable[str]:
    if any(map(is_published, members)):
        yield f"{PUBLISHED} published network, priced and scored here; 'stated' are its authors' figures."
    if not all(m.feasible for m in members):
        yield f"{OVER_BUDGET} exceeds a budget of this run."
    reasons = list(dict.fromkeys(reason for m in members for reason in m.out_of_domain))
    if reasons:
        yield f"{OUT_OF_DOMAIN} latency is a guess, the fit has seen no such network: {_some(reasons)}"
