"""A baseline."""

from __future__ import annotations

from vitnas.qualities._count import Count


class Macs(Count):
    """Multiply-accumulates: the other baseline."""

    cost = "macs"
