"""Whether costs that were kept or written are those of the networks: they may be of older code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.cost.priced import Figures
from vitnas.cost.pricer import NetworkPricer
from vitnas.errors import StaleCosts
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

COMPARED = ("params", "macs")


def require_equal(architecture: Architecture, stated: Mapping[str, Any], traced: Mapping[str, Any]) -> None:
    """Compare the costs that are stated of a network with those of its own trace.

    Raises:
        StaleCosts: a figure differs.
    """
    for name in COMPARED:
        if name in stated and stated[name] != traced[name]:
            raise StaleCosts(
                f"the costs say {stated[name]:,} {name} of {architecture.name}, the network has "
                f"{traced[name]:,}: the code of an operator has changed unseen; what was kept is "
                "dropped, begin a new run"
            )


def require_traced(space: Space, genomes: Genomes, row: Callable[[int], Mapping[str, Any]]) -> None:
    """Build and trace networks, each distinct block once, and compare what is stated of them.

    Args:
        space: of the networks.
        genomes: (n, G).
        row: the costs that are stated of the k-th.

    Raises:
        StaleCosts: a figure differs.
    """
    pricer = NetworkPricer(Figures())
    for k, genome in enumerate(genomes):
        architecture = space.decode(genome)
        require_equal(architecture, row(k), pricer.price(architecture))
