"""Which architectures a fitted quality is least certain of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.quality.genomes.fitted.block_features import FittedFeatures
from vitnas.quality.genomes.fitted.model import FittedModel, priors_of
from vitnas.quality.genomes.fitted.ridge import GroupedRidge
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.labels import LEAST, Labels
from vitnas.space.activity import Genomes
from vitnas.space.space import Space


def most_informative(
    space: Space,
    table: CostTable,
    pool: Genomes,
    candidates: Genomes,
    count: int,
    *,
    labels: Labels | None = None,
    in_turn: Sequence[NDArray[np.bool_]] = (),
) -> list[int]:
    """Candidates to be labelled, the least certain first.

    Each is the one whose prediction is the least certain given the labels that are there and the picks before
    it, so the picks are far apart (greedy D-optimal design; Fedorov, Theory of Optimal Experiments, 1972).
    With fewer labels than a fit needs, the variances are the priors'.

    Args:
        space: the space.
        table: prices its genomes.
        pool: feasible canonical genomes (m, G), for the features.
        candidates: canonical genomes (c, G).
        count: how many to pick; fewer if there are fewer candidates without a label.
        labels: those that are there; their architectures are not picked.
        in_turn: masks (c,) that successive picks are taken from in turn; all candidates without.

    Returns:
        rows of ``candidates``.
    """
    free = np.ones(len(candidates), np.bool_)
    if labels is not None:
        free &= ~np.isin(space.keys(candidates), space.keys(labels.genomes))
    _, first = np.unique(space.keys(candidates), return_index=True)
    free &= np.isin(np.arange(len(candidates)), first)
    if labels is not None and len(labels) >= LEAST and np.ptp(labels.values) > 0:
        fitted = FittedModel.fit(space, table, pool, labels, check=False)
        features, ridge = fitted.features, fitted.ridge
    else:
        features = FittedFeatures(space, CapacityFormula.fit(space, table, pool), pool)
        known = labels.genomes if labels is not None else candidates[:0]
        variances = np.exp([prior.mean for prior in priors_of(features)])
        ridge = GroupedRidge(features.blocks(known), np.zeros(len(known)), variances)
    masks = [mask & free for mask in in_turn] or [free]
    return ridge.pick(features.blocks(candidates), count, [*masks, *([free] if in_turn else [])])
