"""Which probes of a plan go into a kit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vitnas.hardware.measure.plan import Plan
from vitnas.hardware.measure.probe import Probe, block_probe, empty_probe

SINGLE = "single"
SINGLES = 5
"""Chained blocks that stand alone in the kit as well: alone and chained, they tell what a call costs."""


def kit_probes(plan: Plan, blocks: int | None = None) -> list[Probe]:
    """The empty call, blocks, some chained blocks alone, whole networks.

    Args:
        plan: of everything.
        blocks: so many of them, of every operator and size; None takes all.
    """
    chosen = plan.blocks if blocks is None else _spread(plan, plan.blocks, blocks)
    chained = sorted((p for p in chosen if p.copies > 1), key=lambda p: _macs(plan, p))
    singles = [single_probe(p) for p in _evenly(chained, SINGLES)]
    return [empty_probe(), *chosen, *singles, *plan.networks]


def single_probe(probe: Probe) -> Probe:
    """One copy of a block that is chained."""
    assert probe.block is not None
    alone = block_probe(probe.block, batch=probe.batch)
    return replace(alone, id=f"{probe.id}-1", kind=SINGLE, name=f"{probe.name}, alone")


def elements(plan: Plan, probe: Probe) -> int:
    """Parameters of a probe's model."""
    if probe.block is not None:
        return plan.traces[probe.block].params * probe.copies
    return sum(plan.traces[block].params for block in plan.chains.get(probe.id, ()))


def _macs(plan: Plan, probe: Probe) -> int:
    return plan.traces[probe.block].macs if probe.block is not None else 0


def _spread(plan: Plan, probes: Sequence[Probe], number: int) -> list[Probe]:
    """As many of each operator as its share allows, evenly over their MACs, in the plan's order."""
    groups: dict[str, list[Probe]] = {}
    for probe in probes:
        groups.setdefault(probe.block.op if probe.block else "", []).append(probe)
    quota = dict.fromkeys(groups, 0)
    left = min(number, len(probes))
    while left:
        for op in groups:
            if left and quota[op] < len(groups[op]):
                quota[op] += 1
                left -= 1
    kept: set[str] = set()
    for op, group in groups.items():
        ordered = sorted(group, key=lambda p: _macs(plan, p))
        kept |= {probe.id for probe in _evenly(ordered, quota[op])}
    return [probe for probe in probes if probe.id in kept]


def _evenly(items: Sequence[Probe], number: int) -> list[Probe]:
    """``number`` of them at even distances, the first and the last included."""
    if number >= len(items):
        return list(items)
    if number <= 1:
        return list(items[len(items) // 2 :][:number])
    return [items[round(k * (len(items) - 1) / (number - 1))] for k in range(number)]
