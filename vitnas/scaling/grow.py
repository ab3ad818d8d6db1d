"""As-ViT's scaling rule (Chen et al., ICLR 2022, arXiv 2202.11921): deeper and wider, a little at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vitnas.arch.schema import Architecture
from vitnas.errors import NothingFeasible
from vitnas.figures import format_quantity
from vitnas.scaling.edits import Place, add_layer, places, round_to, widen
from vitnas.scaling.rule import (
    Bound,
    Child,
    Costs,
    Judge,
    Network,
    Outcome,
    Scores,
    first_broken,
    line,
    most_common,
    sift,
)
from vitnas.scaling.select import Choice, choose

WIDENINGS = (1.05, 1.10, 1.15, 1.20)
SLACK = 0.1  # a seed this far above the smallest size is still that size


@dataclass(frozen=True)
class GrowthSettings:
    """How children are made.

    Attributes:
        multiple: the first stage's width is a multiple of it, and so are the others, which keep the seed's
            ratios to the first.
        most: no stage is wider.
        proxy_width: proxies look at a network of this share of the widths (published: a quarter).
        overshoot: children larger than the largest size by more than this share are dropped.
        widenings: factors of the width that are tried.
    """

    multiple: int = 4
    most: int | None = None
    proxy_width: float = 0.25
    overshoot: float = 0.1
    widenings: tuple[float, ...] = WIDENINGS


@dataclass(frozen=True)
class Stem:
    """What grows: the network at the seed's widths with its present depths, and its first width.

    Widths are always taken from the seed's, so that rounding does not add up over the steps.
    """

    body: Architecture
    first: int

    def network(self, settings: GrowthSettings) -> Architecture:
        """The network itself."""
        seed = self.body.stages[0].width
        if self.first == seed:
            return self.body
        return widen(self.body, self.first / seed, multiple=settings.multiple, most=settings.most)

    def measured(self, settings: GrowthSettings) -> Architecture:
        """What proxies look at."""
        if settings.proxy_width == 1:
            return self.network(settings)
        factor = settings.proxy_width * self.first / self.body.stages[0].width
        multiple = max(round(settings.multiple * settings.proxy_width), 1)
        return widen(self.body, factor, multiple=multiple, most=settings.most)


def stems_after(stem: Stem, settings: GrowthSettings) -> list[tuple[Stem, Place]]:
    """One more layer in each segment, times every different width."""
    steps = [max(round_to(stem.first * f, settings.multiple), stem.first) for f in settings.widenings]
    firsts = dict.fromkeys(steps)
    return [
        (Stem(add_layer(stem.body, place), first), place) for place in places(stem.body) for first in firsts
    ]


def children_of(stem: Stem, settings: GrowthSettings) -> list[tuple[Stem, Child]]:
    """All children of a step."""
    found: dict[str, tuple[Stem, Child]] = {}  # by id: beyond the largest width several are one network
    for grown, place in stems_after(stem, settings):
        move = f"{place.name(stem.body)} +1 layer, width {stem.first} to {grown.first}"
        child = Child(grown.network(settings), move, grown.measured(settings))
        found.setdefault(child.architecture.id, (grown, child))
    return list(found.values())


def check_seed(seed: Network, sizes: Sequence[int], bounds: Sequence[Bound]) -> str:
    """Why a seed cannot grow into these sizes; empty if it can."""
    if seed.params > sizes[0] * (1 + SLACK):
        start, asked = (format_quantity("params", v) for v in (seed.params, sizes[0]))
        return (
            f"`to` {asked}: growing starts from {start} parameters, that of {seed.architecture.name}, and "
            "only goes up; ask for larger sizes, or start from a smaller network"
        )
    broken = first_broken(bounds, seed.costs)
    if broken is not None:
        value = seed.costs.get(broken.cost)
        has = format_quantity(broken.cost, math.nan if value is None else value)
        return f"{seed.architecture.name} has {broken.cost} {has} and breaks {broken} before it grows"
    return ""


def grow(
    seed: Architecture,
    sizes: Sequence[int],
    judge: Judge,
    settings: GrowthSettings,
    *,
    watch: Callable[[Network], None] = lambda network: None,
) -> Outcome:
    """Grow a seed until it has the largest size's parameters; one run gives every size on the way.

    Each step makes every pair of one more layer (in each segment of each stage) and a wider network; of the
    children within bounds the one with the smallest sum of ranks survives, see `choose`. A size's member is
    the network on the way whose number of parameters is nearest to it, as a ratio.

    Args:
        seed: the smallest network, at its real widths.
        sizes: numbers of parameters, ascending.
        judge: prices, scores, bounds.
        settings: how children are made.
        watch: told of each survivor.

    Raises:
        NothingFeasible: no child of the first step has a score.
    """
    stem = Stem(seed, seed.stages[0].width)
    here = Network(seed, judge.price(seed))
    cap = Bound("params", sizes[-1] * (1 + settings.overshoot), note="the largest size and its overshoot")
    bounds = (cap, *judge.bounds)
    path, stopped = [here], ""
    while here.params < sizes[-1]:
        step = len(path)
        pairs = children_of(stem, settings)
        stems = {id(child): grown for grown, child in pairs}
        kept, reasons = sift(judge, step, here.architecture, [child for _, child in pairs], bounds)
        if not kept:
            stopped = f"every child of the last step {most_common(reasons)}"
            break
        try:
            here, survivor = _survivor(judge, step, here, kept)
        except NothingFeasible as problem:
            if step == 1:
                raise
            stopped = str(problem)  # what has grown so far is kept
            break
        stem = stems[id(survivor)]
        path.append(here)
        watch(here)
    return _members(path, sizes, stopped)


def _survivor(
    judge: Judge, step: int, parent: Network, kept: Sequence[tuple[Child, Costs]]
) -> tuple[Network, Child]:
    scores = judge.score(step, [child for child, _ in kept])
    try:
        choice = choose(scores, judge.higher_is_better)
    except NothingFeasible as problem:
        raise NothingFeasible(f"step {step}: {problem}; the log says why") from None
    child, costs = kept[choice.index]
    _record(judge, step, parent, kept, scores, choice)
    return Network(child.architecture, costs, step, child.move, dict(scores[choice.index])), child


def _record(
    judge: Judge,
    step: int,
    parent: Network,
    kept: Sequence[tuple[Child, Costs]],
    scores: Sequence[Scores],
    choice: Choice,
) -> None:
    child, costs = kept[choice.index]
    judge.record(
        line(step, parent.architecture, child, costs)
        | {
            "outcome": "survived",
            "scores": dict(scores[choice.index]),
            "rank_sums": {
                c.architecture.id: total for (c, _), total in zip(kept, choice.rank_sums, strict=True)
            },
            "tied": choice.tied,
            "decided_by": choice.decided_by,
        }
    )


def _members(path: Sequence[Network], sizes: Sequence[int], stopped: str) -> Outcome:
    """For each size the nearest network, each network for one size only."""
    members: dict[int, Network] = {}
    missed: dict[int, str] = {}
    last = format_quantity("params", path[-1].params)
    for size in sizes:
        nearest = min(path, key=lambda n: abs(math.log(n.params / size)))
        asked = format_quantity("params", size)
        if stopped and size > path[-1].params * (1 + SLACK):
            missed[size] = f"{asked}: growth ended at {last}, {stopped}"
        elif any(nearest is known for known in members.values()):
            missed[size] = f"{asked}: the network nearest to it is that of another size; ask for fewer sizes"
        else:
            members[size] = nearest
    return Outcome(tuple(path), members, missed)
