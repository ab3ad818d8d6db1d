"""A baseline."""

from __future__ import annotations

from vitnas.qualities._count import Count


class Params(Count):
    """Number of parameters: the baseline of every score."""

    cost = "params"
