"""Pareto local search: changes of single genes of what is on the front so far; for small spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.strategies import (
    Archive,
    Batch,
    Genomes,
    Moves,
    Option,
    Problem,
    SeenKeys,
    State,
    Strategy,
    restore_rng,
    rng_state,
)

START = 30  # random genomes to begin with
ROUNDS = 12


class Local(Strategy):
    """Changes single genes of random members of the front; for small spaces.

    More genes change at a time where one gives nothing new. Nothing is proposed twice. When even distant
    changes are used up, random genomes follow. On large spaces random search is better up to 10,000 trials.

    Args:
        problem: what is searched.
        seed: of all its choices.
        population: random genomes to begin with.
    """

    takes_late = True
    stream = 103
    widen = Option(3, "tries at new neighbours before one more gene is changed at a time", least=1)
    step = Option(0.5, "how often an ordered gene moves to the next choice, not to any", least=0, most=1)

    def __init__(self, problem: Problem, seed: int, **settings: Any) -> None:
        super().__init__(problem, seed, **settings)
        self._moves = Moves(problem.space)
        self._missing = self.population or START  # random genomes still to be asked for
        self._front = Archive(len(problem.space.genes), problem.n_objectives)
        self._proposed = SeenKeys()

    def ask(self, n: int) -> Genomes:
        """New neighbours of the front, or random feasible genomes as long as there is none."""
        if self._missing > 0 or not len(self._front):
            wanted = min(n, self._missing) if self._missing > 0 else n
            self._missing -= wanted
            return self._random(wanted)
        found: list[Genomes] = []
        left = n
        for turn in range(ROUNDS):
            parents = self._front.genomes[self.rng.integers(len(self._front), size=left)]
            moved = self._moves.mutate(
                parents, self.rng, expected=1 + turn // self.widen, step_share=self.step
            )
            found.append(self._new(self.problem.space.canonical(moved)))
            left -= len(found[-1])
            if left == 0:
                break
        return np.concatenate(found) if left < n else self._random(n)

    def _random(self, n: int) -> Genomes:
        genomes = self.problem.sample_feasible(n, self.rng)
        self._proposed.add(self.problem.space.keys(genomes))
        return genomes

    def _new(self, genomes: Genomes) -> Genomes:
        new: Genomes = genomes[self._proposed.add(self.problem.space.keys(genomes))]
        return new

    def tell(self, batch: Batch) -> None:
        """Take in what improves the front; rows without objectives do not."""
        self._front.add(batch.genomes, self.problem.space.keys(batch.genomes), batch.objectives)

    def state(self) -> State:
        """The front, all that was proposed (eight bytes each) and the generator's state."""
        state: State = {"rng": rng_state(self.rng), "missing": np.array(self._missing)}
        state |= {f"front_{name}": value for name, value in self._front.state().items()}
        return state | {f"proposed_{name}": value for name, value in self._proposed.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        restore_rng(self.rng, state["rng"])
        self._missing = int(state["missing"])
        self._front.restore({name: state[f"front_{name}"] for name in ("genomes", "keys", "objectives")})
        self._proposed.restore({"keys": state["proposed_keys"]})
