"""Capacity of the children of one network: what each resource is worth is read off that network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture
from vitnas.quality.genomes.resources import attention_width_of, expansion_of
from vitnas.scaling.edits import Place, add_layer, argument_slots, map_argument, round_to, with_width
from vitnas.scaling.rule import Costs

Price = Callable[[Architecture], Costs]
EXPONENT = 2.0  # ours: `Capacity` takes its exponent from the ranges in a pool, and here there is none
COSTS = ("params", "macs")
LARGER = 1.25  # how far a resource is moved to see what it costs


@dataclass(frozen=True)
class RelativeCapacity:
    """`Capacity` without a pool: every resource is compared with that of one network.

        score = - sum over resources r of  w_r * (x_r / x0_r) ** -2

    x_r is the depth, width, mean expansion or mean attention width of one stage, x0_r the start's, w_r by how
    many per cent parameters and MACs grow (their mean) for one per cent more of it. So a stage that has
    lost half of its width needs more of it than one that has lost none. (Without an exponent the score would
    be the logarithm of the cost, and hardly tell children of one size apart.) Which exponent is right nobody
    has measured.

    Attributes:
        start: resources of the network that it is relative to.
        weights: of the same resources.
    """

    start: dict[str, float]
    weights: dict[str, float]

    @classmethod
    def of(cls, start: Architecture, price: Price) -> RelativeCapacity:
        """Weights by pricing the start with a little more of each resource."""
        base, had = price(start), resources_of(start)
        weights: dict[str, float] = {}
        for name, larger in _enlarged(start):
            gained = resources_of(larger).get(name, 0.0)
            if had.get(name, 0.0) <= 0 or gained <= had[name]:
                continue
            try:
                costs = price(larger)
            except InvalidArchitecture:
                continue
            growth = [math.log(float(costs[c] or 1) / float(base[c] or 1)) for c in COSTS]
            weights[name] = max(sum(growth) / len(COSTS) / math.log(gained / had[name]), 0.0)
        return cls({name: had[name] for name in weights}, weights)

    def score(self, architecture: Architecture) -> float:
        """Higher is better; minus the sum of all weights for the start itself."""
        found = resources_of(architecture)
        terms = [
            weight * (found[name] / self.start[name]) ** -EXPONENT if found.get(name) else math.inf
            for name, weight in self.weights.items()
            if weight > 0
        ]
        return -sum(terms)


def resources_of(architecture: Architecture) -> dict[str, float]:
    """Depth, width, mean expansion and mean attention width of every stage, those that are 0 left out."""
    found: dict[str, float] = {}
    for index, stage in enumerate(architecture.stages):
        blocks = stage.blocks()
        mlps = [e for b in blocks if (e := expansion_of(b.op, b.args, stage.width)) > 0]
        heads = [w for b in blocks if (w := attention_width_of(b.op, b.args, stage.width)) > 0]
        found[f"stages.{index}.depth"] = float(len(blocks))
        found[f"stages.{index}.width"] = float(stage.width)
        found |= {f"stages.{index}.expansion": _mean(mlps)} if mlps else {}
        found |= {f"stages.{index}.attention": _mean(heads)} if heads else {}
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _enlarged(start: Architecture) -> Iterator[tuple[str, Architecture]]:
    """Each resource by name, with the start that has more of it."""
    for index, stage in enumerate(start.stages):
        yield f"stages.{index}.depth", add_layer(start, Place(index, len(stage.segments) - 1))
        wider = max(round_to(stage.width * LARGER, 8), stage.width + 1)
        yield f"stages.{index}.width", with_width(start, index, wider)
        for name, role, change in (
            ("expansion", "expansion", lambda value: value * LARGER),
            ("attention", "heads", lambda value: value + 1),
        ):
            larger = start
            for slot in argument_slots(start, [role]):
                larger = map_argument(larger, slot, change, stage=index)
            yield f"stages.{index}.{name}", larger
