"""What a quality's optimum looks like: the front of a run beside random networks of the same cost.

A score may rank networks well and still have an absurd optimum: a search finds whatever the formula rewards.
Two signs are looked at. Genes of the front that stand at the lowest or highest choice far more often than
those of random feasible networks of the same cost; and published networks that the front leaves far behind
at their own costs, though people made them with care.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidInput, NothingFeasible
from vitnas.events import Silent
from vitnas.run.prepare import Setup, prepare
from vitnas.run.rating import kept_quality
from vitnas.run.read_result import Rows, read_result, read_whole_front
from vitnas.searching.config import SearchConfig
from vitnas.searching.feasible import FeasibleSampler, Violation
from vitnas.searching.objectives import QUALITY, cost_of
from vitnas.space.activity import Genomes
from vitnas.space.space import Space
from vitnas.store.folder import RunFolder

BANDS = 10  # of cost, with equally many networks of the front
NETWORKS = 1000  # random ones a band
LEAST_SHARE = 0.02  # of random networks, below which a ratio says little
MOST_RATIO = 1.5
LIST_INDEX = re.compile(r"\[\d+\]$")


@dataclass(frozen=True)
class BoundShare:
    """How often the genes of one kind stand at one of their bounds.

    Attributes:
        genes: name without the number of the block.
        bound: the choice.
        side: ``lowest`` or ``highest``.
        front, random: shares of the networks' active genes.
    """

    genes: str
    bound: str
    side: str
    front: float
    random: float

    @property
    def ratio(self) -> float:
        """Of the shares; a share of random networks below `LEAST_SHARE` counts as that."""
        return self.front / max(self.random, LEAST_SHARE)

    @property
    def is_suspect(self) -> bool:
        """Whether the front stands there more often than `MOST_RATIO` times chance."""
        return self.ratio > MOST_RATIO


@dataclass(frozen=True)
class PublishedGap:
    """A published network beside the front.

    Attributes:
        name: of the network.
        better: networks of the front that cost no more and score higher.
        gap: by which the best of them does, in the unit of the score.
        points: the same in points of top-1, by the slope of the published networks' own top-1 over their
            scores; None where fewer than two state it, or where it does not rise.
    """

    name: str
    better: int
    gap: float
    points: float | None


@dataclass(frozen=True)
class Optimum:
    """What was found.

    Attributes:
        quality: of the run.
        cost: whose bands the random networks share with the front.
        networks: of the front.
        bounds: of all kinds of genes, the worst ratio first.
        published: of all published networks within the budgets; empty where the quality cannot rate them.
    """

    quality: str
    cost: str
    networks: int
    bounds: tuple[BoundShare, ...]
    published: tuple[PublishedGap, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        bounds = [{**asdict(b), "ratio": b.ratio} for b in self.bounds]
        return {**asdict(self), "bounds": bounds}


def check_optimum(path: str | Path, *, seed: int = 0) -> Optimum:
    """Compare the front of a run with random feasible networks, and with the published ones.

    Args:
        path: of a run of a search, in any state that has a front.
        seed: of the random networks.

    Raises:
        InvalidInput: the run has no front yet, or no cost among its objectives.
        RunError: there is no run.
    """
    result, _ = read_result(path)
    front, folder = read_whole_front(result), RunFolder(path)
    costs = [name for name in front.objectives if name != QUALITY]
    if len(front) < BANDS or not costs:
        raise InvalidInput(
            f"{path}: its front has {len(front)} networks and {len(costs)} costs; nothing to check"
        )
    setup = prepare(SearchConfig.from_dict(folder.open()), Silent(), folder.path, measures=False)
    cost = cost_of(costs[0])
    values = setup.table.price(front.genomes)[cost]
    random = _random_networks(setup, cost, values, seed)
    bounds = sorted(_bound_shares(setup.problem.space, front.genomes, random), key=lambda b: -b.ratio)
    return Optimum(result.config.quality, cost, len(front), tuple(bounds), _published(setup, folder, front))


def _random_networks(setup: Setup, cost: str, values: NDArray[np.float64], seed: int) -> Genomes:
    """As many in each band of cost that holds a tenth of the front; a band without any is left out."""
    edges = np.quantile(values, np.linspace(0, 1, BANDS + 1))
    rng = np.random.default_rng(seed)
    found = []
    for low, high in itertools.pairwise(edges.tolist()):
        violation = _within(setup, cost, low * (1 - 1e-9), high * (1 + 1e-9))
        try:
            networks = FeasibleSampler(setup.problem.space, violation, seed=seed).sample(NETWORKS, rng)
        except NothingFeasible:
            continue
        found.append(networks[np.arange(NETWORKS) % len(networks)])
    if not found:
        raise InvalidInput(
            f"no random network of the same {cost} was found; nothing to compare the front with"
        )
    return np.concatenate(found)


def _within(setup: Setup, cost: str, low: float, high: float) -> Violation:
    def violation(genomes: Genomes) -> NDArray[np.float64]:
        costs = setup.table.price(genomes)
        outside = np.maximum(np.maximum(costs[cost] / high - 1, 1 - costs[cost] / low), 0)
        return np.asarray(outside + setup.problem.violation(costs, len(genomes)))

    return violation


def _bound_shares(space: Space, front: Genomes, random: Genomes) -> Iterator[BoundShare]:
    kinds: dict[str, list[int]] = {}
    for position, gene in enumerate(space.genes):
        if len(gene.choices) > 2:
            kinds.setdefault(LIST_INDEX.sub("", gene.name), []).append(position)
    active = [space.activity.active_genes(genomes) for genomes in (front, random)]
    for kind, genes in kinds.items():
        highest = len(space.genes[genes[0]].choices) - 1
        for side, level in (("lowest", 0), ("highest", highest)):
            shares = [
                float((genomes[:, genes] == level)[on[:, genes]].mean()) if on[:, genes].any() else 0.0
                for genomes, on in zip((front, random), active, strict=True)
            ]
            yield BoundShare(kind, f"{space.genes[genes[0]].choices[level]}", side, shares[0], shares[1])


def _published(setup: Setup, folder: RunFolder, front: Rows) -> tuple[PublishedGap, ...]:
    quality, references = kept_quality(setup, folder), setup.problem.space.references
    if quality is None or quality.rates != "genomes" or not references:
        return ()
    genomes = np.array([r.genome for r in references.values()], np.uint8)
    ours, theirs = quality.rate(front.genomes, ()), quality.rate(genomes, ())
    names = [cost_of(name) for name in front.objectives if name != QUALITY]
    limits, costs = setup.table.price(genomes), setup.table.price(front.genomes)
    slope = _slope(theirs, [r.facts.get("top1") for r in references.values()])
    feasible = setup.problem.violation(limits, len(genomes)) == 0
    gaps = []
    for row, name in enumerate(references):
        if not feasible[row]:
            continue
        cheaper = np.all([costs[n] <= limits[n][row] * (1 + 1e-12) for n in names], axis=0)
        better = ours[cheaper & (ours > theirs[row])]
        gap = float(better.max() - theirs[row]) if len(better) else 0.0
        gaps.append(
            PublishedGap(name, len(better), gap, None if slope is None else gap * slope(float(theirs[row])))
        )
    return tuple(gaps)


def _slope(scores: NDArray[np.float64], top1: list[Any]) -> Callable[[float], float] | None:
    """Points of top-1 for a unit of score, near a score: that of the next published networks."""
    known = sorted((s, float(t)) for s, t in zip(scores.tolist(), top1, strict=True) if t is not None)
    if len(known) < 2 or known[-1][0] <= known[0][0]:
        return None
    xs, ys = np.array(known).T

    def at(score: float) -> float:
        k = int(np.clip(np.searchsorted(xs, score, side="right"), 1, len(xs) - 1))
        return float((ys[k] - ys[k - 1]) / max(xs[k] - xs[k - 1], 1e-12))

    return at
