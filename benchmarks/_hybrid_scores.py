"""Scores of hybrids: closed forms, counts, proxies, and a regression learned from other hybrids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _hybrid_plan import MACS
from numpy.typing import NDArray

from vitnas.bench.task import Draws
from vitnas.check.score_log import measure_scores
from vitnas.check.scores import score_of
from vitnas.cost.table import CostTable
from vitnas.events import Silent
from vitnas.law.expectation import Expectation
from vitnas.law.model import Relatives
from vitnas.qualities.expected_top1 import ExpectedTop1
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.genomes.resources import stage_resources
from vitnas.quality.shape import depths_and_widths
from vitnas.space.activity import Genomes
from vitnas.space.space import Space
from vitnas.workers import make_workers

Values = NDArray[np.float64]
POOL = 20_000
RIDGE = 1.0


def closed_forms(space: Space, genomes: Genomes) -> dict[str, Values]:
    """Scores that need no network, higher is expected to be better."""
    table = CostTable.cached(space)
    costs = table.price(genomes)
    pool = searched_pool(space)
    amounts = {r.name: r.values(genomes) for r in stage_resources(space)}
    depth, widths = depths_and_widths(space, genomes)
    plain = {r.name: r.values(genomes) for r in stage_resources(space, power=1.0)}
    earlier = CapacityFormula.fit(space, table, pool, power=1.0, ramp=1.0)
    return {
        "capacity": CapacityFormula.fit(space, table, pool).score(genomes),
        "capacity, earlier means": earlier.score(genomes),
        "expected_top1": ExpectedTop1(table, Expectation(Relatives(), 32)).score(genomes),
        "params": costs["params"],
        "macs": costs["macs"],
        "activations": costs["activations"],
        "depth": depth,
        "sum of widths": widths,
        "width of stage 1": amounts["stages.0.width"],
        "width of stage 2": amounts["stages.1.width"],
        "width of stage 3": amounts["stages.2.width"],
        "attention blocks": _attention_blocks(space, genomes),
        "mean expansion": np.mean([plain[f"stages.{k}.expansion"] for k in range(3)], axis=0),
    }


def searched_pool(space: Space) -> Genomes:
    """Networks of the set's range of MACs (m, G), as a search would draw them."""
    pool = space.sample(POOL, np.random.default_rng(0))
    macs = CostTable.cached(space).price(pool)["macs"]
    return pool[(macs >= MACS[0]) & (macs <= MACS[1])]


def proxies(space: Space, genomes: Genomes, names: Sequence[str], folder: Path) -> dict[str, Values]:
    """Proxies of networks as initialised at 32 px, Gaussian images; a folder keeps what is measured."""
    folder.mkdir(parents=True, exist_ok=True)
    with make_workers(1) as pool:
        rows = measure_scores(
            space,
            genomes,
            names,
            Draws(resolution_px=32),
            folder=folder,
            workers=pool,
            listener=Silent(),
        )
    return {name: score_of(name, [row[name] for row in rows]).values for name in names}


def learned(space: Space, genomes: Genomes, accuracies: Values, groups: Sequence[str]) -> Values:
    """Accuracy expected by a ridge regression on seven features (n,); a network's own group is left out.

    The features are logarithms of parameters, MACs, activations, depth, and of the stages' widths.
    """
    forms = closed_forms(space, genomes)
    names = ("params", "macs", "activations", "depth", *(f"width of stage {k}" for k in (1, 2, 3)))
    x = np.log(np.stack([forms[name] for name in names], axis=1))
    known = np.isfinite(accuracies)
    x = (x - x[known].mean(axis=0)) / x[known].std(axis=0)
    found = np.full(len(accuracies), np.nan)
    own = np.array([group or f"alone {k}" for k, group in enumerate(groups)])
    for group in np.unique(own):
        kept = known & (own != group)
        centre = accuracies[kept].mean()
        design = x[kept]
        gram = design.T @ design + RIDGE * np.eye(x.shape[1])
        slopes = np.linalg.solve(gram, design.T @ (accuracies[kept] - centre))
        found[own == group] = centre + x[own == group] @ slopes
    return found


def _attention_blocks(space: Space, genomes: Genomes) -> Values:
    networks = (space.decode(genome) for genome in genomes)
    counts = [sum(b.op == "attention_ffn" for s in a.stages for b in s.blocks()) for a in networks]
    return np.array(counts, np.float64)
