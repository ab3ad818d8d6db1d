"""What must stand beside the figures of a front."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from vitnas.figures import PEAK
from vitnas.hardware.targets import Coverage, Target
from vitnas.law.expectation import CLAIM
from vitnas.law.expectation import NAME as EXPECTED
from vitnas.quality.parse import caption
from vitnas.report.terminal.member_names import (
    HEALTHY,
    OUT_OF_DOMAIN,
    OVER_BUDGET,
    PREDICTED,
    PUBLISHED,
    is_predicted,
    is_published,
    short_name,
    verdict,
)
from vitnas.run.result import Member, SearchResult
from vitnas.searching.objectives import cost_of
from vitnas.units import percent

MOST_REASONS = 3


def notes(result: SearchResult, members: Sequence[Member]) -> list[Text]:
    """Origin of every figure, and what the marks of these networks mean."""
    lines = [
        _about_size(result),
        *_about_times(result.targets, members),
        about_memory(result.targets, result.config.batch, [m.costs for m in members]),
        *(f"budget of a device itself: {limit}." for limit in result.limits),
        *(f"{said}." for said in result.idle),
        f"quality: {caption(result.quality, result.notes)}",
        _about_order(result),
        *_about_expected(result, members),
        *_about_marks(result.targets, members),
    ]
    lines += [f"{short_name(m)} is {verdict(m)}: {reasons}" for m in members if (reasons := _complaints(m))]
    return [Text(line) for line in lines if line]


def origins(targets: Sequence[Target], coverages: Sequence[Sequence[Coverage]] = ()) -> list[str]:
    """A line a device: what it holds, where that comes from, how much of it is measured.

    Args:
        targets: the devices.
        coverages: of each device, those of all networks that are shown.
    """
    found = coverages or [[] for _ in targets]
    return [
        f"{target.metric if target.cost else 'device'}: {target.label}{_covered(own)}"
        for target, own in zip(targets, found, strict=True)
    ]


def _about_size(result: SearchResult) -> str:
    shown = len(result.front)
    if shown < result.front_size:
        return f"{shown} of the {result.front_size:,} networks of the front, evenly chosen."
    return ""


def _about_times(targets: Sequence[Target], members: Sequence[Member]) -> Iterator[str]:
    coverages = [[m.coverage[t.name] for m in members if t.name in m.coverage] for t in targets]
    lines = [f"{line}." for line in origins(targets, coverages)]
    banded = dict.fromkeys(t.metric for t in targets if t.cost and not math.isnan(t.band))
    if banded:
        by = " or ".join(banded)
        lines[-1] += f" Candidates closer than the band (±) cannot be told apart by {by}."
    yield from lines


def _covered(coverages: Sequence[Coverage]) -> str:
    if not coverages:
        return ""
    least, most = (pick(coverages, key=lambda c: c.measured) for pick in (min, max))
    if str(least) == str(most):
        return f"; {least}"
    errors = [c.block_error for c in coverages if c.block_error is not None]
    error = f" (up to ±{percent(max(errors))} % a block)" if errors else ""
    span = f"{math.floor(100 * least.measured)} to {math.floor(100 * most.measured)} %"
    return f"; {span} of it measured, the rest predicted{error}"


def about_memory(targets: Sequence[Target], batch: int | None, costs: Sequence[Mapping[str, Any]]) -> str:
    """Of how many images the peak is, where it is not one; of which device, where they differ in it."""
    whole = [row.get(PEAK) for row in costs]
    peaks = [[row.get(f"{PEAK}@{t.name}", row.get(PEAK)) for row in costs] for t in targets]
    largest = next((t for t, own in zip(targets, peaks, strict=True) if own == whole), None)
    images = largest.batch if largest else batch or 1
    call = f"a call of {images} images" if images > 1 else "one image"
    if largest and any(own != whole for own in peaks):
        return f"memory: of {largest.name}, which needs the most ({largest.dtype}, {call})."
    return f"memory: of {call}." if images > 1 else ""


def _about_expected(result: SearchResult, members: Sequence[Member]) -> Iterator[str]:
    """What the law claims, and which published networks it cannot tell from those of the front."""
    if not any(EXPECTED in m.scores for m in members):
        return
    if result.quality != EXPECTED:
        yield f"expected top-1: {CLAIM}"
    known = [m for m in members if is_published(m) and EXPECTED in m.scores]
    level = [short_name(m) for m in known if not any(_is_better(own, m, result) for own in result.front)]
    if level:
        yield f"Nothing here can be told from {', '.join(level)} at no higher cost, by the law."


def _is_better(member: Member, published: Member, result: SearchResult) -> bool:
    """Whether a network costs no more, and is expected above the other's interval."""
    own, other = (m.scores.get(EXPECTED) for m in (member, published))
    costs = [cost for cost in map(cost_of, result.objectives) if cost]
    pairs = [(member.costs.get(cost), published.costs.get(cost)) for cost in costs]
    cheap = all(a is not None and b is not None and a <= b for a, b in pairs)
    return bool(cheap and own and other and own["value"] > other["high"])


def _about_order(result: SearchResult) -> str:
    """That the run cannot be repeated, where it cannot."""
    if result.config.ordered:
        return ""
    return "scores were told as they came (unordered): another run with these settings may end elsewhere."


def _about_marks(targets: Sequence[Target], members: Sequence[Member]) -> Iterable[str]:
    if any(map(is_published, members)):
        stated = any("top1" in m.facts or "latency_ms" in m.facts for m in members)
        said = "; 'stated' are its authors' figures" if stated else ""
        scored = any(m.quality is not None for m in members if is_published(m))
        yield f"{PUBLISHED} published network, priced{' and scored' * scored} here{said}."
    if not all(m.feasible for m in members):
        yield f"{OVER_BUDGET} exceeds a budget of this run."
    reasons = list(dict.fromkeys(reason for m in members for reason in m.out_of_domain))
    if reasons:
        held = " or ".join(dict.fromkeys(target.metric for target in targets if target.cost))
        yield f"{OUT_OF_DOMAIN} {held} is a guess, the fit has seen no such network: {_some(reasons)}"
    for what, of_law in (("expected top-1", True), ("quality", False)):
        guesses = [own for m in members if (own := _guesses(m, of_law))]
        if guesses:
            why = list(dict.fromkeys(reason for own in guesses for reason in own))
            yield f"{what} is a guess for {len(guesses)}, beyond what is known: {_some(why)}"
    if any(map(is_predicted, members)):
        yield f"{PREDICTED} part of its time is predicted from other blocks, not measured."


def _guesses(member: Member, of_law: bool) -> list[str]:
    """Why a predicted quality is a guess, or what the law expects."""
    scores = [score for name, score in member.scores.items() if (name == EXPECTED) == of_law]
    return [str(reason) for score in scores for reason in score.get("out_of_range") or ()]


def _complaints(member: Member) -> str:
    return _some(member.health.get("reasons") or ()) if verdict(member) != HEALTHY else ""


def _some(reasons: Sequence[str]) -> str:
    """The first few, and how many there are beyond them."""
    more = [f"and {len(reasons) - MOST_REASONS} more"] if len(reasons) > MOST_REASONS else []
    return "; ".join([*reasons[:MOST_REASONS], *more])
