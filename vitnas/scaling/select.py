"""Which of several scored children survives: the smallest sum of ranks (As-ViT, arXiv 2202.11921)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitnas.errors import NothingFeasible


@dataclass(frozen=True)
class Choice:
    """Who survived, and why.

    Attributes:
        index: of the survivor.
        rank_sums: of all children; 1 is the best rank by one proxy.
        tied: how many children had the smallest sum.
        decided_by: the proxy that broke the tie; empty if there was none, or all proxies agreed on it.
    """

    index: int
    rank_sums: tuple[int, ...]
    tied: int
    decided_by: str = ""


def choose(scores: Sequence[Mapping[str, float]], higher_is_better: Mapping[str, bool]) -> Choice:
    """The child with the smallest sum of dense ranks over all proxies.

    A tie is broken by the proxy whose scores differ most among the tied children, relative to the largest of
    them, in that proxy's right direction; if they still tie, the first child wins. (The released code takes
    the smallest raw value whatever the direction, and looks at the first two children only.)

    Args:
        scores: of each child, by proxy; one that is missing or not finite has the worst rank.
        higher_is_better: of every proxy that counts.

    Raises:
        NothingFeasible: no child has any score.
    """
    turned = {
        proxy: [_turned(row.get(proxy), higher) for row in scores]
        for proxy, higher in higher_is_better.items()
    }
    if not any(value is not None for values in turned.values() for value in values):
        raise NothingFeasible(f"none of {len(scores)} children has a score by {', '.join(turned)}")
    ranks = [dense_ranks(values) for values in turned.values()]
    sums = tuple(sum(column) for column in zip(*ranks, strict=True))
    tied = [k for k, total in enumerate(sums) if total == min(sums)]
    if len(tied) == 1:
        return Choice(tied[0], sums, 1)
    spread = {proxy: _relative_range([values[k] for k in tied]) for proxy, values in turned.items()}
    proxy = max(spread, key=lambda name: spread[name])
    values = turned[proxy]
    best = max(tied, key=lambda k: (_number(values[k]), -k))
    return Choice(best, sums, len(tied), proxy if spread[proxy] > 0 else "")


def _turned(value: float | None, higher: bool) -> float | None:
    """The score with higher always better; None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    return value if higher else -value


def dense_ranks(values: Sequence[float | None]) -> list[int]:
    """1 for the highest, 2 for the next different value, and so on; None shares the rank after the last."""
    levels = sorted({value for value in values if value is not None}, reverse=True)
    place = {value: rank for rank, value in enumerate(levels, start=1)}
    return [len(levels) + 1 if value is None else place[value] for value in values]


def _relative_range(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    largest = max((abs(value) for value in known), default=0.0)
    if len(known) < len(values) and known:
        return math.inf  # some failed: that separates them more than any value
    return (max(known) - min(known)) / largest if largest else 0.0


def _number(value: float | None) -> float:
    return -math.inf if value is None else value
