"""What there is to measure: every distinct block of some spaces, and whole networks to check the sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vitnas.arch.features import Features
from vitnas.cost.pricer import trace_block
from vitnas.cost.trace import Trace
from vitnas.formats.resolution import Resolution, by_pixels
from vitnas.hardware.measure.probe import Probe, block_probe, empty_probe, network_probe
from vitnas.space.chain import chain
from vitnas.space.slots import Context, list_slots
from vitnas.space.space import Space

NETWORKS = 40
CALIBRATION, RANDOM, PUBLISHED = "calibration", "random", "published"


@dataclass(frozen=True)
class Plan:
    """Probes and what is needed to make a profile of their times.

    Attributes:
        spaces: names.
        probes: the empty call, all distinct blocks, all networks.
        roles: network's id -> ``calibration``, ``random`` (held out) or ``published`` (held out).
        chains: network's id -> its blocks.
        traces: block -> its kernels, of all blocks.
        resolutions_px: of the networks, the fewest pixels first.
    """

    spaces: tuple[str, ...]
    probes: tuple[Probe, ...]
    roles: dict[str, str]
    chains: dict[str, list[Context]]
    traces: dict[Context, Trace]
    resolutions_px: tuple[Resolution, ...]

    @property
    def blocks(self) -> list[Probe]:
        """The probes of blocks."""
        return [probe for probe in self.probes if probe.kind == "block"]

    @property
    def networks(self) -> list[Probe]:
        """The probes of whole networks."""
        return [probe for probe in self.probes if probe.kind == "network"]


def make_plan(
    spaces: Sequence[Space],
    *,
    batch: int = 1,
    copies: int = 1,
    networks: int = NETWORKS,
    seed: int = 0,
    progress: Callable[[int], None] = lambda traced: None,
) -> Plan:
    """List what to measure.

    Args:
        spaces: whose blocks; those that they share stand once.
        batch: images a call.
        copies: chain so many copies of a block that gives what it takes.
        networks: random ones of each space; every other one calibrates, the rest are held out.
        seed: of the draw.
        progress: called with the number of blocks traced so far.

    Raises:
        InvalidSpace: a combination of choices cannot be built.
    """
    traces: dict[Context, Trace] = {}
    gives: dict[Context, Features] = {}

    def outputs(block: Context) -> Features:
        if block not in gives:
            traces[block], gives[block] = trace_block(block)
            progress(len(traces))
        return gives[block]

    blocks: dict[Context, None] = {}
    members: dict[str, tuple[Probe, str]] = {}
    for space in spaces:
        for slot in list_slots(space.template, outputs):
            blocks.update(dict.fromkeys(b for b in slot.table.entries if b is not None))
        for probe, role in _networks(space, networks, batch, seed):
            members.setdefault(probe.id, (probe, role))
    for block in blocks:
        outputs(block)
    probes = [block_probe(block, batch=batch, copies=copies) for block in blocks]
    whole = [probe for probe, _ in members.values()]
    architectures = [probe.architecture for probe in whole if probe.architecture is not None]
    return Plan(
        spaces=tuple(space.name for space in spaces),
        probes=(empty_probe(), *probes, *whole),
        roles={key: role for key, (_, role) in members.items()},
        chains={a.id: chain(a) for a in architectures},
        traces={block: traces[block] for block in blocks},
        resolutions_px=tuple(sorted({a.resolution_px for a in architectures}, key=by_pixels)),
    )


def _networks(space: Space, number: int, batch: int, seed: int) -> list[tuple[Probe, str]]:
    """Published networks first: one that is drawn as well stays held out."""
    published = [
        (network_probe(f"{space.name}:{name}", space.decode(reference.genome), batch=batch), PUBLISHED)
        for name, reference in space.references.items()
    ]
    genomes = space.sample(number, np.random.default_rng(seed))
    drawn = [
        (
            network_probe(f"{space.name}-{k}", space.decode(genome), batch=batch),
            RANDOM if k % 2 else CALIBRATION,
        )
        for k, genome in enumerate(genomes)
    ]
    return [*published, *drawn]
