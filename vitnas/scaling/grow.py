"""As-ViT's scaling rule (Chen et al., ICLR 2022, arXiv 2202.11921): deeper and wider, a little at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidInput, NothingFeasible
from vitnas.figures import format_quantity
from vitnas.scaling.edits import add_layer, places, round_to, widen
from vitnas.scaling.rule import (
    Bound,
    Child,
    Judge,
    Network,
    Outcome,
    first_broken,
    most_common,
    sift,
    survivor,
)

WIDENINGS = (1.05, 1.10, 1.15, 1.20)  # factors of the width that are tried
SLACK = 0.1  # a seed this far above the smallest size is still that size


@dataclass(frozen=True)
class GrowthSettings:
    """How children are made.

    Attributes:
        width_multiple: the first stage's width is a multiple of it, and so are the others, which keep the
            seed's ratios to the first.
        max_width: no stage is wider.
        proxy_width: proxies look at a network of this share of the widths (published: a quarter).
        overshoot: children larger than the largest size by more than this share are dropped.
    """

    width_multiple: int = 4
    max_width: int | None = None
    proxy_width: float = 0.25
    overshoot: float = 0.1


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
        return widen(self.body, self.first / seed, multiple=settings.width_multiple, most=settings.max_width)

    def measured(self, settings: GrowthSettings) -> Architecture:
        """What proxies look at."""
        if settings.proxy_width == 1:
            return self.network(settings)
        factor = settings.proxy_width * self.first / self.body.stages[0].width
        multiple = max(round(settings.width_multiple * settings.proxy_width), 1)
        return widen(self.body, factor, multiple=multiple, most=settings.max_width)


def children_of(stem: Stem, settings: GrowthSettings) -> dict[str, tuple[Stem, Child]]:
    """One more layer in each segment, times every different width.

    By id: beyond the largest width several are one network.
    """
    found: dict[str, tuple[Stem, Child]] = {}
    firsts = dict.fromkeys(
        max(round_to(stem.first * f, settings.width_multiple), stem.first) for f in WIDENINGS
    )
    for place, first in itertools.product(places(stem.body), firsts):
        grown = Stem(add_layer(stem.body, place), first)
        move = f"{place.name(stem.body)} +1 layer, width {stem.first} to {first}"
        child = Child(grown.network(settings), move, grown.measured(settings))
        found.setdefault(child.architecture.id, (grown, child))
    return found


def check_start(start: Network, sizes: Sequence[int], judge: Judge, settings: GrowthSettings) -> None:
    """Whether a seed can grow into these sizes.

    Raises:
        InvalidInput: it is too large, or breaks a bound.
    """
    name = start.architecture.name
    if start.params > sizes[0] * (1 + SLACK):
        raise InvalidInput(
            f"`to` {format_quantity('params', sizes[0])}: growing starts from {start.size} parameters, that "
            f"of {name}, and only goes up; ask for larger sizes, or start from a smaller network"
        )
    broken = first_broken(judge.bounds, start.costs)
    if broken is not None:
        raise InvalidInput(f"{name} has {broken.value(start.costs)} and breaks {broken} before it grows")


def grow(seed: Architecture, sizes: Sequence[int], judge: Judge, settings: GrowthSettings) -> Outcome:
    """Grow a seed until it has the largest size's parameters; one run gives every size on the way.

    Each step makes every pair of one more layer (in each segment of each stage) and a wider network; of the
    children within bounds the one with the smallest sum of ranks survives, see `choose`. A size's member is
    the network on the way whose number of parameters is nearest to it, as a ratio.


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
        children = children_of(stem, settings)
        proposed = [child for _, child in children.values()]
        kept, reasons = sift(judge, step, here.architecture, proposed, bounds)
        if not kept:
            stopped = f"every child of the last step {most_common(reasons)}"
            break
        try:
            here = survivor(judge, step, here.architecture, kept)
        except NothingFeasible as problem:
            if step == 1:
                raise
            stopped = str(problem)  # what has grown so far is kept
            break
        stem = children[here.architecture.id][0]
        path.append(here)
        judge.watch(here)
    return _members(path, sizes, stopped)


def _members(path: Sequence[Network], sizes: Sequence[int], stopped: str) -> Outcome:
    """For each size the nearest network, each network for one size only."""
    members: dict[int, Network] = {}
    missed: dict[int, str] = {}
    for size in sizes:
        nearest = min(path, key=lambda n: abs(math.log(n.params / size)))
        asked = format_quantity("params", size)
        if stopped and size > path[-1].params * (1 + SLACK):
            missed[size] = f"{asked}: growth ended at {path[-1].size}, {stopped}"
        elif any(nearest is known for known in members.values()):
            missed[size] = f"{asked}: the network nearest to it is that of another size; ask for fewer sizes"
        else:
            members[size] = nearest
    return Outcome(tuple(path), members, missed)
