"""The qualities that rate genomes, by name: ``capacity`` and the counts that any score is held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput, unknown
from vitnas.quality.base import GenomeQuality
from vitnas.quality.combined import CombinedQuality
from vitnas.quality.genomes.capacity import CURVATURE, RAMP, Capacity
from vitnas.quality.genomes.fitted.fitted import Fitted
from vitnas.quality.genomes.resources import depth_columns
from vitnas.quality.labels import Labels
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Lookup
from vitnas.space.space import Space

GENOME_QUALITIES = {
    "capacity": "parameter count with diminishing returns (the default)",
    "params": "number of parameters: the baseline of every score",
    "macs": "multiply-accumulates: the other baseline",
    "depth": "number of blocks: beats most published proxies on small plain ViTs",
    "fitted": "predicted from architectures with known accuracies (--labels)",
}
SETTINGS = {"capacity": {"curvature": CURVATURE, "ramp": RAMP}}


class Count:
    """A cost taken as the quality: more of it is better."""

    notes: tuple[str, ...] = ("a count, not a score: the more, the better",)

    def __init__(self, name: str, space: Space, table: CostTable) -> None:
        self.name = name
        self.space = space
        self._table = table
        self._depth = Lookup(depth_columns(space), sums=1) if name == "depth" else None

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """The count (n,) of canonical genomes (n, G)."""
        if self._depth is not None:
            return self._depth(genomes)[:, 0]
        return self._table.price(genomes)[self.name]

    def state(self) -> dict[str, Any]:
        """Only the name: a count means the same everywhere."""
        return {"quality": self.name}


def is_genome_quality(name: str) -> bool:
    """Whether ``name`` is rated on genomes; otherwise it may be a proxy."""
    return name in GENOME_QUALITIES


def genome_quality(
    name: str,
    space: Space,
    table: CostTable,
    pool: Genomes,
    settings: Mapping[str, float] | None = None,
    labels: Labels | None = None,
) -> GenomeQuality:
    """A quality that rates genomes.

    Args:
        name: one of ``GENOME_QUALITIES``.
        space: the space.
        table: prices its genomes.
        pool: feasible canonical genomes (m, G), drawn with the run's seed.
        settings: of ``capacity``: curvature, ramp.
        labels: what ``fitted`` learns from; no other quality looks at them.

    Raises:
        UnknownName: no such quality.
        InvalidInput: a setting that the quality does not have; ``fitted`` without labels.
    """
    given = dict(settings or {})
    for key in given:
        if key not in SETTINGS.get(name, {}):
            raise unknown(f"setting of quality '{name}'", key, SETTINGS.get(name, {}))
    if name == "capacity":
        if given.get("curvature", CURVATURE) < 0 or given.get("ramp", RAMP) < 0:
            raise InvalidInput(f"quality 'capacity': curvature and ramp must not be negative, got {given}")
        return Capacity.fit(space, table, pool, **given)
    if name == "fitted":
        if labels is None:
            raise InvalidInput("quality 'fitted' needs labels (--labels)")
        return Fitted.fit(space, table, pool, labels)
    if name in GENOME_QUALITIES:
        return Count(name, space, table)
    raise unknown("quality", name, GENOME_QUALITIES)


def restore_genome_quality(state: Mapping[str, Any], space: Space, table: CostTable) -> GenomeQuality:
    """The quality that a run has saved, with exactly the same scores.

    Raises:
        UnknownName: a quality that this version does not have.
        InvalidData: the state belongs to another space.
    """
    name = str(state.get("quality"))
    if "combine" in state:
        return CombinedQuality.from_state(
            state, [restore_genome_quality(member, space, table) for member in state["members"]]
        )
    if name == "capacity":
        return Capacity.from_state(space, state)
    if name == "fitted":
        return Fitted.from_state(space, state)
    if name in GENOME_QUALITIES:
        return Count(name, space, table)
    raise unknown("quality", name, GENOME_QUALITIES)
