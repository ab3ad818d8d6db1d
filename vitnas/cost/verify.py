"""Whether costs that were kept or written are those of the networks: they may be of older code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.errors import StaleCosts

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
