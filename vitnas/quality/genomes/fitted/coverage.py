"""Whether labels cover a genome, or its prediction reaches beyond them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitnas.quality.genomes.fitted.block_features import FittedFeatures
from vitnas.quality.genomes.fitted.ridge import GroupedRidge
from vitnas.space.activity import Genomes
from vitnas.space.space import Space


class Coverage:
    """What labelled architectures have.

    Args:
        space: the space.
        features: of the fitted quality.
        labelled: canonical genomes (n, G).
        ridge: fitted on them.
    """

    def __init__(
        self, space: Space, features: FittedFeatures, labelled: Genomes, ridge: GroupedRidge
    ) -> None:
        self.space = space
        self.features = features
        self.ridge = ridge
        active = _active(space, labelled)
        self.seen = [{int(k) for k in labelled[active[:, gene], gene]} for gene in range(labelled.shape[1])]
        self.ranges = [
            (float(x.min()), float(x.max()))
            for x in (resource.values(labelled) for resource in features.capacity.resources)
        ]
        own = np.minimum(ridge.leverages, 1.0 - 1e-9)
        self.most_leverage = float((own / (1.0 - own)).max())  # of each, had it not been labelled

    def reasons(self, genomes: Genomes) -> list[tuple[str, ...]]:
        """Why each genome's prediction is a guess; empty where it is not."""
        found: list[list[str]] = [[] for _ in genomes]
        active = _active(self.space, genomes)
        for gene, seen in enumerate(self.seen):
            named = self.space.genes[gene]
            for row in np.flatnonzero(active[:, gene] & ~np.isin(genomes[:, gene], list(seen))):
                choice = named.choices[int(genomes[row, gene])]
                found[row].append(f"no labelled architecture has {named.name} {choice}")
        for resource, (low, high) in zip(self.features.capacity.resources, self.ranges, strict=True):
            amounts = resource.values(genomes)
            slack = 1e-9 * max(abs(low), abs(high))
            for row in np.flatnonzero((amounts < low - slack) | (amounts > high + slack)):
                found[row].append(
                    f"{resource.name} {amounts[row]:.4g} is outside the labelled {low:.4g} to {high:.4g}"
                )
        leverage = self.ridge.leverage(self.features.blocks(genomes))
        for row in np.flatnonzero(leverage > self.most_leverage * (1 + 1e-9)):
            found[row].append("its combination of choices is further from the labels than they are apart")
        return [tuple(reasons) for reasons in found]


def _active(space: Space, genomes: Genomes) -> NDArray[np.bool_]:
    """Whether each gene (n, G) of canonical genomes has an effect."""
    return np.array([space.activity.active(genome) for genome in genomes], np.bool_).reshape(genomes.shape)
