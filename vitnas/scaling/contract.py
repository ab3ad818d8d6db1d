"""TinyViT's constrained local contraction (Wu et al., ECCV 2022, arXiv 2207.10666): smaller step by step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vitnas.arch.operators import arguments
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.figures import format_quantity
from vitnas.scaling.edits import (
    ArgumentSlot,
    argument_slots,
    map_argument,
    places,
    remove_layer,
    with_width,
)
from vitnas.scaling.rule import (
    Bound,
    Child,
    Costs,
    Judge,
    Network,
    Outcome,
    first_broken,
    most_common,
    sift,
    survivor,
)

SLACK = 0.1  # a start that is smaller than a size by no more is that size's network
SHRINK: dict[str, Callable[[float], float]] = {  # role -> one notch less of such an argument, in every block
    "expansion": lambda value: max(value - 0.5, min(value, 1.0)),
    "attention_ratio": lambda value: max(value - 1, min(value, 1.0)),
    "heads": lambda value: max(value - 1, 1),
    "key_dim": lambda value: max(value - 8, min(value, 8)),
    "value_dim": lambda value: max(value - 8, min(value, 8)),
    "window": lambda value: max(math.ceil(value / 2), 1),
    "splits": lambda value: min(value * 2, 8),  # twice as many windows a side, each a quarter as large
}
Factor = Callable[[Architecture], Architecture | None]  # one notch less; None at its end


@dataclass(frozen=True)
class ContractionSettings:
    """How children are made.

    Attributes:
        width_multiple: a width shrinks by this much at a time.
        shrink: each step's bounds are this share of the present costs, until they are the wanted ones.
    """

    width_multiple: int = 8
    shrink: float = 0.9


def factors_of(architecture: Architecture, multiple: int) -> dict[str, Factor]:
    """What can shrink, by name: each stage's width, each segment's depth, each operator's arguments.

    TinyViT's are stage widths, stage depths, windows, the expansions of convolutions and MLPs and the width
    of a head.
    """
    found: dict[str, Factor] = {}
    for stage in range(len(architecture.stages)):
        found[f"stage {stage + 1} width"] = _narrower(stage, multiple)
    for place in places(architecture):
        found[f"{place.name(architecture)} depth"] = lambda a, place=place: remove_layer(a, place)  # type: ignore[misc]
    for slot in argument_slots(architecture, SHRINK):
        found[f"{slot.op} {slot.argument}"] = _less(slot)
    return found


def _narrower(stage: int, multiple: int) -> Factor:
    def shrink(architecture: Architecture) -> Architecture | None:
        width = (architecture.stages[stage].width - 1) // multiple * multiple
        return with_width(architecture, stage, width) if width >= multiple else None

    return shrink


def _less(slot: ArgumentSlot) -> Factor:
    def shrink(architecture: Architecture) -> Architecture | None:
        smaller = map_argument(architecture, slot, SHRINK[arguments(slot.op)[slot.argument].role])
        return smaller if smaller.id != architecture.id else None

    return shrink


def step_bounds(bounds: Sequence[Bound], costs: Costs, shrink: float) -> tuple[Bound, ...]:
    """Bounds on the way from present costs to the wanted ones, at most one share ``shrink`` away."""
    found = []
    for bound in bounds:
        value = costs.get(bound.cost)
        if value is None or not bound.broken(costs):
            found.append(bound)
        elif bound.at_least:
            found.append(_moved(bound, min(bound.limit, value / shrink)))
        else:
            found.append(_moved(bound, max(bound.limit, value * shrink)))
    return tuple(found)


def _moved(bound: Bound, limit: float) -> Bound:
    return bound if limit == bound.limit else Bound(bound.cost, limit, bound.at_least, "of this step")


def children_of(
    parent: Architecture,
    judge: Judge,
    bounds: Sequence[Bound],
    factors: Sequence[tuple[str, ...]],
    multiple: int,
) -> Iterator[Child]:
    """For each group of factors, the first network that meets all bounds as they shrink in turn.

    Where a group comes to its end before, its smallest network; what cannot be built ends it too.
    """
    known = factors_of(parent, multiple)
    seen: set[str] = set()
    for group in factors:
        smallest, notches = _shrunk(parent, judge, bounds, [known[name] for name in group])
        if smallest is not None and smallest.id not in seen:
            seen.add(smallest.id)
            by = f" by {notches} notches" if notches > 1 else ""
            yield Child(smallest, f"{' and '.join(group)} less{by}")


def _shrunk(
    network: Architecture, judge: Judge, bounds: Sequence[Bound], group: Sequence[Factor]
) -> tuple[Architecture | None, int]:
    last: Architecture | None = None
    for notches in itertools.count(1):
        moved = False
        for factor in group:
            smaller = factor(network)
            if smaller is not None:
                network, moved = smaller, True
        if not moved or notches > 64:
            return last, notches - 1
        try:
            costs = judge.price(network)
        except InvalidArchitecture:
            return (network, notches) if last is None else (last, notches - 1)
        last = network
        if first_broken(bounds, costs) is None:
            return last, notches
    raise AssertionError("unreachable")


def smallest_of(seed: Architecture, judge: Judge, multiple: int) -> Costs:
    """Costs where every factor has come to its end, or to what can still be built."""
    factors = [f for name, f in factors_of(seed, multiple).items() if "split" not in name]
    for notch_by_notch in (False, True):  # all at once, unless that cannot be built
        network = seed
        for factor in factors:
            while (smaller := factor(network)) is not None:
                if notch_by_notch and not _can_be_built(smaller, judge):
                    break
                network = smaller
        if notch_by_notch or _can_be_built(network, judge):
            break
    return judge.price(network)


def _can_be_built(network: Architecture, judge: Judge) -> bool:
    try:
        judge.price(network)
    except InvalidArchitecture:
        return False
    return True


def contract(
    start: Architecture, sizes: Sequence[int], judge: Judge, settings: ContractionSettings
) -> Outcome:
    """Contract a large network through ever smaller sizes.

    Each step sets bounds a little below the present costs (parameters, and every budget that is not met
    yet), shrinks one factor at a time until a child meets them all, and keeps the child with the smallest
    sum of ranks by its scores; where no single factor is enough, pairs are tried. A size's member is the
    first network with no more parameters that keeps all bounds.


    Raises:
        InvalidInput: a size that the rule cannot reach.
    """
    here = Network(start, judge.price(start))
    path: list[Network] = [here]
    members: dict[int, Network] = {}
    missed: dict[int, str] = {}
    ended = ""
    for size in sorted(sizes, reverse=True):
        asked = format_quantity("params", size)
        target = (Bound("params", size), *judge.bounds)
        while not ended and first_broken(target, here.costs) is not None:
            limits = step_bounds(target, here.costs, settings.shrink)
            smaller, why = _step(judge, len(path), here, limits, settings)
            if smaller is None:
                why = why or f"nothing can shrink further and it breaks {first_broken(target, here.costs)}"
                ended = f"contraction ended at {here.size} parameters, {why}"
                break
            here = smaller
            path.append(here)
            judge.watch(here)
        if ended:
            missed[size] = f"{asked}: {ended}"
        elif any(here is known for known in members.values()):
            missed[size] = f"{asked}: a larger size has the same network; ask for fewer sizes"
        else:
            members[size] = here
    return Outcome(tuple(path), dict(sorted(members.items())), dict(sorted(missed.items())))


def check_start(start: Network, sizes: Sequence[int], judge: Judge, settings: ContractionSettings) -> None:
    """Whether the sizes lie between the start and what is left where everything has shrunk.

    Raises:
        InvalidInput: they do not; says what the rule reaches.
    """
    name = start.architecture.name
    if sizes[-1] > start.params * (1 + SLACK):
        raise InvalidInput(
            f"`to` {format_quantity('params', sizes[-1])}: contraction only goes down, and {name} has "
            f"{start.size} parameters; ask for smaller sizes, or start from a larger network"
        )
    least = smallest_of(start.architecture, judge, settings.width_multiple)
    params = float(least["params"] or 0)
    if sizes[0] < params:
        raise InvalidInput(
            f"`to` {format_quantity('params', sizes[0])}: contraction of {name} reaches "
            f"{format_quantity('params', params)} parameters at the least"
        )
    broken = first_broken(judge.bounds, least)
    if broken is not None:
        raise InvalidInput(f"contraction of {name} ends with {broken.value(least)}, which breaks {broken}")


def _step(
    judge: Judge, step: int, parent: Network, limits: Sequence[Bound], settings: ContractionSettings
) -> tuple[Network | None, str]:
    """The best child within the step's bounds, or None with the reason (empty: there is no child)."""
    names = list(factors_of(parent.architecture, settings.width_multiple))
    groups: list[Sequence[tuple[str, ...]]] = [[(n,) for n in names], list(itertools.combinations(names, 2))]
    reasons: list[str] = []
    for group in groups:
        children = list(children_of(parent.architecture, judge, limits, group, settings.width_multiple))
        kept, dropped = sift(judge, step, parent.architecture, children, limits)
        reasons += dropped
        if kept:
            return survivor(judge, step, parent.architecture, kept), ""
    return None, f"every child of the last step {most_common(reasons)}" if reasons else ""
