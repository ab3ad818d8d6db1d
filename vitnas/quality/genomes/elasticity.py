"""How fast costs grow with each resource, read from the cost table around one genome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.quality.genomes.resources import Resource, shapeless_slots
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Column, Lookup
from vitnas.space.space import Space

SAMPLE = 4096  # genomes around the median one


def median_genome(space: Space, pool: Genomes) -> NDArray[np.uint8]:
    """The median choice (G,) of each gene over those rows of ``pool`` (m, G) in which it has an effect.

    It is not canonical: genes that its own depth leaves out keep a sensible choice, which matters to its
    deeper neighbours. A gene without effect anywhere in the pool takes its middle choice.
    """
    centre = (space.cardinalities // 2).astype(np.uint8)
    for gene, cardinality in enumerate(space.cardinalities):
        rows = pool
        if gene in space.activity.gated:
            probe = pool.copy()
            probe[:, gene] = cardinality - 1
            rows = pool[space.canonical(probe)[:, gene] > 0]
        if len(rows):
            centre[gene] = np.sort(rows[:, gene])[len(rows) // 2]
    return centre


def local_sample(space: Space, centre: NDArray[np.uint8], n: int, rng: np.random.Generator) -> Genomes:
    """``n`` canonical genomes (n, G) whose genes are at most one choice from ``centre`` (G,)."""
    steps = rng.integers(-1, 2, size=(n, len(centre)))
    moved = np.clip(centre.astype(np.int64) + steps, 0, space.cardinalities - 1)
    return space.canonical(moved.astype(np.uint8))


def stage_costs(table: CostTable, names: Sequence[str]) -> Callable[[Genomes], NDArray[np.float64]]:
    """The costs (n, stages, names) of each stage alone, of genomes (n, G).

    A down-sampling belongs to the stage that it enters. Stem and head are left out: what they cost depends
    on the number of classes and channels and buys nothing that a stage has.
    """
    slots = shapeless_slots(table.space)
    assert len(slots) == len(table.columns), "one column for each slot"
    stages = len(table.space.template.stages)
    picked = [table.figures.counts.index(name) for name in names]
    lookups = [
        Lookup(
            [
                Column(c.genes, c.shape, np.ascontiguousarray(c.values[:, picked]))
                for c, slot in zip(table.columns, slots, strict=True)
                if slot.stage == stage
            ]
            or [Column((), (), np.zeros((1, len(names))))],
            sums=len(names),
        )
        for stage in range(stages)
    ]
    return lambda genomes: np.stack([lookup(genomes) for lookup in lookups], axis=1)


def elasticities(
    space: Space,
    table: CostTable,
    pool: Genomes,
    resources: Sequence[Resource],
    offsets: NDArray[np.float64],
    costs: Mapping[str, float],
) -> NDArray[np.float64]:
    """Weights (R,): by how many per cent the network's cost grows for one per cent more of each resource.

    Stage by stage, because stages may share genes: a non-negative least squares fit of the logarithm of the
    stage's cost on the logarithms of its own resources, over genomes around the pool's median one, times the
    stage's share of the whole; the weighted mean over ``costs``.

    Args:
        space: the space.
        table: prices genomes.
        pool: feasible canonical genomes (m, G).
        resources: R resources.
        offsets: added to them before the logarithm is taken (R,).
        costs: weights, which sum to 1, of params, macs and activations.
    """
    from scipy.optimize import nnls

    # a fixed seed: the weights follow from the space, the table and the pool alone
    around = local_sample(space, median_genome(space, pool), SAMPLE, np.random.default_rng(0))
    priced = stage_costs(table, tuple(costs))(around)  # (n, stages, costs)
    shares = np.median(priced / np.maximum(priced.sum(axis=1, keepdims=True), 1.0), axis=0)
    shares = shares / np.maximum(shares.sum(axis=0), 1e-300)
    weights = np.zeros(len(resources))
    for stage in range(priced.shape[1]):
        own = [k for k, r in enumerate(resources) if r.stage == stage]
        if not own:
            continue
        x = np.log(np.stack([resources[k].values(around) + offsets[k] for k in own], axis=1))
        y = np.log(np.maximum(priced[:, stage], 1.0))  # (n, costs)
        slopes = [nnls(x - x.mean(axis=0), column - column.mean())[0] for column in y.T]
        parts = zip(costs.values(), shares[stage], slopes, strict=True)
        weights[own] = np.sum([weight * share * slope for weight, share, slope in parts], axis=0)
    return weights
