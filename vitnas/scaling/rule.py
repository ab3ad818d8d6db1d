"""What all rules share: limits, how a candidate is judged, and the networks that a rule passed through."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, NothingFeasible
from vitnas.figures import format_quantity
from vitnas.scaling.select import choose

Costs = Mapping[str, float | int | None]
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Bound:
    """A limit on one cost.

    Attributes:
        at_least: the limit is a lower one.
        note: what is special about it, such as whose limit it is.
    """

    cost: str
    limit: float
    at_least: bool = False
    note: str = ""

    def broken(self, costs: Costs) -> bool:
        """Whether costs miss it; one that is unknown does."""
        value = costs.get(self.cost)
        if value is None or math.isnan(value):
            return True
        return value < self.limit if self.at_least else value > self.limit

    def value(self, costs: Costs) -> str:
        """What costs have of it, for people."""
        value = costs.get(self.cost)
        return f"{self.cost} {format_quantity(self.cost, math.nan if value is None else value)}"

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.cost} {sign} {format_quantity(self.cost, self.limit)}" + (
            f" ({self.note})" if self.note else ""
        )


def first_broken(bounds: Sequence[Bound], costs: Costs) -> Bound | None:
    """The first bound that costs break; None if all hold."""
    return next((bound for bound in bounds if bound.broken(costs)), None)


@dataclass(frozen=True)
class Child:
    """A network that a rule proposes.

    Attributes:
        move: how it differs from its parent, in words.
        measured: what proxies look at in its place; None for the network itself.
    """

    architecture: Architecture
    move: str
    measured: Architecture | None = None


@dataclass(frozen=True)
class Network:
    """One network on the way.

    Attributes:
        step: how many moves it is away from the start.
        scores: by proxy, as defined; empty where nothing was measured.
    """

    architecture: Architecture
    costs: Costs
    step: int = 0
    move: str = ""
    scores: Scores = field(default_factory=dict)

    @property
    def params(self) -> float:
        """Number of parameters."""
        return float(self.costs["params"] or 0)

    @property
    def size(self) -> str:
        """The same, for people."""
        return format_quantity("params", self.params)


@dataclass(frozen=True)
class Judge:
    """How children are priced, scored and written down; rules know no more than this.

    Attributes:
        price: costs; raises InvalidArchitecture for what cannot be built.
        score: scores of each child, by proxy; what could not be computed is left out.
        higher_is_better: of each proxy.
        bounds: that every network of the family keeps.
        record: takes a line for the log.
        watch: told of each network that a rule goes on from, or that is a member.
    """

    price: Callable[[Architecture], Costs]
    score: Callable[[int, Sequence[Child]], Sequence[Scores]]
    higher_is_better: Mapping[str, bool]
    bounds: tuple[Bound, ...] = ()
    record: Callable[[Mapping[str, Any]], None] = lambda line: None
    watch: Callable[[Network], None] = lambda network: None


@dataclass(frozen=True)
class Outcome:
    """What a rule found.

    Attributes:
        path: every network that it passed through, from the start.
        members: size (parameters) -> network.
        missed: size -> why it is not there.
    """

    path: tuple[Network, ...]
    members: Mapping[int, Network]
    missed: Mapping[int, str]


def judged(judge: Judge, child: Child, bounds: Sequence[Bound]) -> tuple[Costs, str]:
    """Costs of a child (none if it cannot be built), and why it is dropped; empty if it is not."""
    try:
        costs = judge.price(child.architecture)
    except InvalidArchitecture as problem:
        return {}, f"cannot be built: {problem}"
    broken = first_broken(bounds, costs)
    return costs, f"breaks {broken}" if broken else ""


def sift(
    judge: Judge, step: int, parent: Architecture, children: Sequence[Child], bounds: Sequence[Bound]
) -> tuple[list[tuple[Child, Costs]], list[str]]:
    """The children that can be built and keep all bounds; the others are recorded with the reason.

    Returns:
        children with their costs, and the reasons why the others were dropped.
    """
    kept: list[tuple[Child, Costs]] = []
    reasons: list[str] = []
    for child in children:
        costs, reason = judged(judge, child, bounds)
        if reason:
            reasons.append(reason)
            judge.record(line(step, parent, child, costs) | {"outcome": "dropped", "reason": reason})
        else:
            kept.append((child, costs))
    return kept, reasons


def survivor(judge: Judge, step: int, parent: Architecture, kept: Sequence[tuple[Child, Costs]]) -> Network:
    """The child with the smallest sum of ranks, see `choose`; it is recorded.

    Raises:
        NothingFeasible: no child has a score.
    """
    scores = judge.score(step, [child for child, _ in kept])
    try:
        choice = choose(scores, judge.higher_is_better)
    except NothingFeasible as problem:
        raise NothingFeasible(f"step {step}: {problem}; the log says why") from None
    child, costs = kept[choice.index]
    found = dict(scores[choice.index])
    sums = {c.architecture.id: total for (c, _), total in zip(kept, choice.rank_sums, strict=True)}
    judge.record(
        line(step, parent, child, costs)
        | {"outcome": "survived", "scores": found, "rank_sums": sums}
        | {"tied": choice.tied, "decided_by": choice.decided_by}
    )
    return Network(child.architecture, costs, step, child.move, found)


def line(step: int, parent: Architecture, child: Child, costs: Costs) -> dict[str, Any]:
    """What the log says of any child."""
    return {
        "step": step,
        "parent": parent.id,
        "child": child.architecture.id,
        "move": child.move,
        "costs": dict(costs),
    }


def most_common(reasons: Sequence[str]) -> str:
    """The reason that stands most often, the first of equals."""
    return max(dict.fromkeys(reasons), key=reasons.count) if reasons else "there was no child"
