"""Sampling within the budgets, however small their share of the space is.

One law throughout: genes drawn uniformly, on condition that the budgets are met. Where that condition
often holds, draws are rejected until it does. Where it hardly ever holds, a few feasible genomes are bred
first, and random walks that start there and never leave the budgets have the same law in the long run
(Metropolis: a change of a gene and its reverse are equally likely). A small space is listed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import NothingFeasible
from vitnas.searching.archive import SeenKeys, first_of_each
from vitnas.searching.variation import Moves
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

Violation = Callable[[Genomes], NDArray[np.float64]]

LISTED = 1 << 17  # a space of at most so many genomes is listed
PROBE = 1 << 15  # draws to estimate the feasible share with
MAX_DRAWS = 400_000  # draws in one call; about a second
CHUNK = 1 << 16
WALKERS = 1024
BURN_IN = 256  # steps of two genes; after them the law is that of rejection, as far as 2,000 draws tell
CHILDREN = 4096  # of a generation that is bred for feasibility
PARENTS = 512
ENOUGH = 256  # feasible genomes to start walks from
IDLE = 20  # generations without progress
STEPS = 16  # from the burnt-in walkers to the first sample
PATIENCE = 25  # rounds without anything new before a sample is left short


class FeasibleSampler:
    """Draws feasible genomes of a space; what it draws depends on nothing but its arguments.

    Args:
        space: where to draw from.
        violation: (n, G) -> (n,) by how much canonical genomes miss the budgets, 0 where they meet them.
        seed: of what is prepared once and shared by all draws.

    Attributes:
        closest: (G,) the least violating genome that was found when ``NothingFeasible`` was raised.
        least_violation: its violation.
    """

    def __init__(self, space: Space, violation: Violation, *, seed: int = 0) -> None:
        self.space = space
        self.violation = violation
        self.seed = seed
        self.closest: NDArray[np.uint8] | None = None
        self.least_violation = float("nan")
        self._moves = Moves(space)

    def share(self, n: int, rng: np.random.Generator) -> float:
        """The share of ``n`` genomes that meets the budgets; exact if the space is small enough to list."""
        if self._listed is not None:
            return len(self._listed) / len(self._every)
        return float((self.violation(self.space.sample(n, rng)) == 0).mean())

    def sample(self, n: int, rng: np.random.Generator) -> Genomes:
        """At most ``n`` distinct feasible canonical genomes (n, G); fewer only if there hardly are more.

        Raises:
            NothingFeasible: not one was found with an effort of a second or two.
        """
        if n <= 0:
            return self.space.sample(0, rng)
        if self._listed is not None:
            if not len(self._listed):
                raise self._nothing(self._every, self.violation(self._every))
            return self._listed[rng.permutation(len(self._listed))[:n]]
        if n <= MAX_DRAWS * self._share:
            found = self._reject(n, rng)
            if len(found) == n:
                return found
        return self._walk(n, rng)

    @functools.cached_property
    def _every(self) -> Genomes:
        """All genomes of a small space; each architecture has one that is canonical."""
        index = np.arange(np.prod(self.space.cardinalities, dtype=np.int64))
        rows = np.zeros((len(index), len(self.space.genes)), dtype=np.uint8)
        for gene, count in enumerate(self.space.cardinalities):
            rows[:, gene] = index % count
            index //= count
        canonical: Genomes = rows[(self.space.canonical(rows) == rows).all(axis=1)]
        return canonical

    @functools.cached_property
    def _listed(self) -> Genomes | None:
        """All feasible genomes of a small space."""
        if np.prod(self.space.cardinalities, dtype=np.float64) > LISTED:
            return None
        feasible: Genomes = self._every[self.violation(self._every) == 0]
        return feasible

    @functools.cached_property
    def _share(self) -> float:
        share = self.share(PROBE, np.random.default_rng([self.seed, 1]))
        return share if share * PROBE >= 8 else 0.0  # too few to tell how long rejection would take

    def _reject(self, n: int, rng: np.random.Generator) -> Genomes:
        seen, found, missing, draws = SeenKeys(), list[Genomes](), n, 0
        while missing > 0 and draws < 2 * MAX_DRAWS:
            size = min(CHUNK, int(1.1 * missing / self._share) + 64)
            genomes = self.space.sample(size, rng)
            genomes = genomes[self.violation(genomes) == 0]
            found.append(genomes[seen.add(self.space.keys(genomes))])
            missing -= len(found[-1])
            draws += size
        return np.concatenate(found)[:n]

    def _walk(self, n: int, rng: np.random.Generator) -> Genomes:
        """Walk on from random burnt-in walkers and collect where they get to."""
        start = self._walkers[rng.permutation(len(self._walkers))[: max(n, 64)]]
        raw = self._step(start, STEPS, rng)
        seen, found, missing, idle = SeenKeys(), list[Genomes](), n, 0
        while missing > 0 and idle < PATIENCE:
            genomes = self.space.canonical(raw)
            found.append(genomes[seen.add(self.space.keys(genomes))])
            missing -= len(found[-1])
            idle = 0 if len(found[-1]) else idle + 1
            raw = self._step(raw, 2, rng)
        return np.concatenate(found)[:n]

    def _step(self, raw: Genomes, steps: int, rng: np.random.Generator) -> Genomes:
        """Random walks within the budgets; inactive genes walk too, so ``raw`` is not canonical."""
        for _ in range(steps):
            moved = self._moves.mutate(raw, rng, expected=2.0, step_share=0.0)
            accepted = self.violation(self.space.canonical(moved)) == 0
            raw = np.where(accepted[:, None], moved, raw)
        return raw

    @functools.cached_property
    def _walkers(self) -> Genomes:
        """Walkers (WALKERS, G) that have forgotten where they began."""
        rng = np.random.default_rng([self.seed, 2])
        seeds = self._breed(rng)
        return self._step(seeds[np.arange(WALKERS) % len(seeds)], BURN_IN, rng)

    def _breed(self, rng: np.random.Generator) -> Genomes:
        """Feasible genomes, bred by their violation."""
        pool = self.space.sample(CHILDREN, rng)
        missed = self.violation(pool)
        best, idle = np.inf, 0
        while (missed == 0).sum() < ENOUGH and idle < IDLE:
            parents = np.argsort(missed, kind="stable")[:PARENTS]
            pool, missed = pool[parents], missed[parents]
            idle = idle + 1 if missed[0] >= best else 0
            best = missed[0]
            one, other = pool[rng.integers(len(pool), size=(2, CHILDREN))]
            children = self._moves.mutate(self._moves.cross(one, other, rng), rng)
            pool = np.concatenate([pool, self.space.canonical(children)])
            missed = np.concatenate([missed, self.violation(pool[len(missed) :])])
            distinct = first_of_each(self.space.keys(pool))
            pool, missed = pool[distinct], missed[distinct]
        if (missed > 0).all():
            pool, missed = self._descend(pool[int(missed.argmin())])
        if (missed > 0).all():
            raise self._nothing(pool, missed)
        feasible: Genomes = pool[missed == 0]
        return feasible

    def _descend(self, genome: NDArray[np.uint8]) -> tuple[Genomes, NDArray[np.float64]]:
        """Follow the least violating neighbour downhill; a last try before giving up."""
        near, missed = genome[None], self.violation(genome[None])
        least = np.inf
        while len(near) and 0 < missed.min() < least:
            genome, least = near[int(missed.argmin())], missed.min()
            near = np.concatenate([genome[None], self.space.neighbours(genome)])
            missed = self.violation(near)
        return near, missed

    def _nothing(self, tried: Genomes, missed: NDArray[np.float64]) -> NothingFeasible:
        self.closest = tried[int(missed.argmin())]
        self.least_violation = float(missed.min())
        known = np.isfinite(self.least_violation)
        excess = f"{self.least_violation:.1%} in all" if known else "an unknown amount"
        missed_by = f"the closest one misses them by {excess}"
        return NothingFeasible(f"no architecture of '{self.space.name}' meets the budgets; {missed_by}")
