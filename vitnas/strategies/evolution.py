"""NSGA-II over whole populations at once (Deb et al. 2002), with the budgets as constraints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.strategies import (
    Batch,
    Genomes,
    Moves,
    Option,
    Problem,
    State,
    Strategy,
    crowding,
    failed,
    first_of_each,
    ranks,
    restore_rng,
    rng_state,
)

SMALLEST, LARGEST = 50, 2000  # population, if none is given
GENERATIONS = 100  # and in between: so many populations make the trials
CHILDREN = 2  # of each survivor in an ask: a child learns from what was told before it
ROUNDS = 125  # of a long run, whose asks are larger: more of them take twice the time and find no more
REPAIRS = 4  # times that a child which is there already is mutated again, by more genes each time


class Evolution(Strategy):
    """NSGA-II: parents by tournament on rank and crowding, feasible ones first; no duplicates.

    Args:
        problem: what is searched.
        seed: of all its choices.
        settings: ``population`` is the survivors of a generation, half of an ask; by default a hundredth of
            the trials, within 50 and 2000, and then an ask is at least a 125th of them.
    """

    takes_late = True
    stream = 102
    tournament = Option(2, "candidates that compete to be a parent", least=1)
    crossover = Option(1.0, "share of children that have two parents", least=0, most=1)
    mutation = Option(1.0, "genes that are changed in a child, on average", least=0)
    step = Option(0.5, "how often an ordered gene moves to the next choice, not to any", least=0, most=1)

    def __init__(self, problem: Problem, seed: int, **settings: Any) -> None:
        super().__init__(problem, seed, **settings)
        self._moves = Moves(problem.space)
        self._size = self.population or min(max((self.planned or 0) // GENERATIONS, SMALLEST), LARGEST)
        self._share = 0 if self.population else (self.planned or 0) // ROUNDS
        self._started = 0  # random genomes asked for so far
        # the population, best first, so that a tournament is won by the smaller index
        self._genomes: Genomes = np.zeros((0, len(problem.space.genes)), dtype=np.uint8)
        self._objectives: NDArray[np.float64] = np.zeros((0, problem.n_objectives))
        self._violation: NDArray[np.float64] = np.zeros(0)

    def ask(self, n: int) -> Genomes:
        """Random feasible genomes until there is a population, then children."""
        n = min(n, max(CHILDREN * self._size, self._share))
        if self._started < self._size or len(self._genomes) < 2:
            missing = self._size - self._started  # none: what was asked for is not told yet, or failed
            wanted = min(n, missing) if missing > 0 else n
            self._started += wanted
            return self.problem.sample_feasible(wanted, self.rng)
        return self._children(n)

    def _children(self, n: int) -> Genomes:
        space, rng = self.problem.space, self.rng
        one, other = rng.integers(len(self._genomes), size=(self.tournament, 2, n)).min(axis=0)
        if self.crossover < 1:
            other = np.where(rng.random(n) < self.crossover, other, one)
        parents = self._moves.filled(self._genomes)
        crossed = self._moves.cross(parents[one], parents[other], rng)
        children = space.canonical(self._mutated(crossed, self.mutation))
        known = space.keys(self._genomes)
        for turn in range(REPAIRS):
            fresh = first_of_each(np.concatenate([known, space.keys(children)]))
            again = np.ones(len(known) + n, dtype=np.bool_)
            again[fresh] = False
            again = again[len(known) :]
            if not again.any():
                break
            changed = self._mutated(children[again], max(self.mutation, 1.0) + turn)
            children[again] = space.canonical(changed)
        return children

    def _mutated(self, genomes: Genomes, expected: float) -> Genomes:
        return self._moves.mutate(genomes, self.rng, expected=expected, step_share=self.step)

    def tell(self, batch: Batch) -> None:
        """Let the best of population and children survive."""
        usable = ~failed(batch)
        genomes = np.concatenate([self._genomes, batch.genomes[usable]])
        objectives = np.concatenate([self._objectives, batch.objectives[usable]])
        violation = np.concatenate([self._violation, batch.violation[usable]])
        distinct = first_of_each(self.problem.space.keys(genomes))
        order = distinct[survivors(objectives[distinct], violation[distinct], self._size)]
        self._genomes, self._objectives = genomes[order], objectives[order]
        self._violation = violation[order]

    def state(self) -> State:
        """The population and the generator's state."""
        return {
            "rng": rng_state(self.rng),
            "counts": np.array([self._size, self._started]),
            "genomes": self._genomes,
            "objectives": self._objectives,
            "violation": self._violation,
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state; where more trials are wanted now, the population grows."""
        restore_rng(self.rng, state["rng"])
        size, self._started = (int(count) for count in state["counts"])
        if self._started >= size:  # it is complete: children fill a larger one
            self._started = max(self._started, self._size)
        self._size = max(size, self._size)
        self._genomes = np.array(state["genomes"], dtype=np.uint8)
        self._objectives = np.array(state["objectives"], dtype=np.float64)
        self._violation = np.array(state["violation"], dtype=np.float64)


def survivors(objectives: NDArray[np.float64], violation: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    """Positions of the best ``n`` rows, best first.

    Feasible rows by front, then by crowding within it; after them infeasible ones by violation.
    """
    feasible = np.flatnonzero(violation == 0)
    front = ranks(objectives[feasible], stop_after=n)
    # whole fronts until n are placed; crowding is that of the whole front that gets cut
    last = np.sort(front)[min(n, len(front)) - 1] if len(front) else 0
    placed = front <= last
    feasible, front = feasible[placed], front[placed]
    order = np.lexsort((-crowding(objectives[feasible], front), front))
    rest = np.flatnonzero(violation > 0)
    return np.concatenate([feasible[order], rest[np.argsort(violation[rest], kind="stable")]])[:n]
