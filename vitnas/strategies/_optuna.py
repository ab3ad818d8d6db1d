"""Optuna's samplers as strategies. The only file that imports Optuna; versions 4.5 to 5.

The study stays in memory and in this process: a storage takes 20 to 500 times as long for each trial.
Optuna's samplers cannot be saved, so a resumed run tells everything again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna import samplers
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from vitnas.strategies import Batch, Genomes, Option, Problem, Strategy, failed, is_ordered

__all__ = ["ConstraintsFunc", "Option", "OptunaStrategy", "samplers"]

ConstraintsFunc = Callable[[FrozenTrial], Sequence[float]] | None
WORST_VIOLATION = 1e3  # an unknown cost is infinitely bad, which Optuna's models cannot digest


def _constraints(trial: FrozenTrial) -> Sequence[float]:
    return [float(trial.user_attrs["violation"])]


class OptunaStrategy(Strategy):
    """A study that is asked and told; subclasses say which sampler.

    A gene with ordered numbers as choices is an integer parameter, any other a categorical one. Genes
    without an effect are suggested too, and masked afterwards. The first trials are feasible genomes at
    random, since a small feasible share would leave the samplers without a single one to learn from.

    Args:
        problem: what is searched.
        seed: of the sampler and of the first genomes.
        settings: ``population`` is the number of random genomes to begin with.

    Attributes:
        startup: default for ``population``.
        sets_constraints: whether this Optuna has trials with constraints, as from version 5 on.
    """

    batch = 10  # a sampler learns from every trial
    max_trials = 1000
    stream = 104
    at_once = Option(8, "proposals of an ask, which do not know of each other; 0: as many as begin", least=0)
    startup = 20
    sets_constraints = hasattr(Trial, "set_constraint")

    def __init__(self, problem: Problem, seed: int, **settings: Any) -> None:
        super().__init__(problem, seed, **settings)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.startup = self.population or self.startup
        constraints = None if self.sets_constraints else _constraints
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # samplers and arguments that are marked experimental
            sampler = self.sampler(seed % 2**32, constraints)
        self._study = optuna.create_study(directions=["minimize"] * problem.n_objectives, sampler=sampler)
        self._distributions: dict[str, BaseDistribution] = {}
        self._columns: list[int] = []
        for column, gene in enumerate(problem.space.genes):
            last = len(gene.choices) - 1
            if last == 0:
                continue
            ordered = is_ordered(gene.choices)
            kind = IntDistribution(0, last) if ordered else CategoricalDistribution(range(last + 1))
            self._distributions[f"{column}:{gene.name}"] = kind
            self._columns.append(column)
        self._asked: list[Trial] = []
        self._queued = 0  # genomes to begin with that are still to be asked for
        self._finished = 0  # trials with values; a sampler's model waits for ``startup`` of them
        self._worst = np.full(problem.n_objectives, -np.inf)

    def sampler(self, seed: int, constraints_func: ConstraintsFunc) -> samplers.BaseSampler:
        """The sampler; ``constraints_func`` is None where trials carry their constraints themselves."""
        raise NotImplementedError

    def ask(self, n: int) -> Genomes:
        """Up to ``n`` proposals, but not more than ``at_once``."""
        if not self._queued and self._finished < self.startup:
            self._queued = self._enqueue(self.startup - self._finished)
        count = min(n, self.at_once or self.startup)
        if self._queued:
            count = min(count, self._queued)
            self._queued -= count
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._asked = [self._study.ask(self._distributions) for _ in range(count)]
            self._join_generation()
        genomes = np.zeros((len(self._asked), len(self.problem.space.genes)), dtype=np.uint8)
        for row, trial in enumerate(self._asked):
            genomes[row, self._columns] = [trial.params[name] for name in self._distributions]
        return self.problem.space.canonical(genomes)

    def _enqueue(self, n: int) -> int:
        genomes = self.problem.sample_feasible(n, self.rng)
        for genome in genomes:
            values = (int(genome[column]) for column in self._columns)
            self._study.enqueue_trial(dict(zip(self._distributions, values, strict=True)))
        return len(genomes)

    def _join_generation(self) -> None:
        """Genetic samplers overlook what they did not propose, unless it is given a generation."""
        sampler = self._study.sampler
        if isinstance(sampler, samplers.BaseGASampler):
            trials = self._study.get_trials(deepcopy=False)
            for trial in self._asked:
                sampler.get_trial_generation(self._study, trials[trial.number])

    def tell(self, batch: Batch) -> None:
        """Finish the trials of the last ask, in its order."""
        assert len(batch.genomes) == len(self._asked)
        lost = failed(batch)
        known = batch.objectives[~np.isnan(batch.objectives).any(axis=1)]
        self._worst = np.maximum(self._worst, known.max(axis=0, initial=-np.inf))
        for row, trial in enumerate(self._asked):  # in order, so that a replay is exact
            self._tell_one(trial, batch.objectives[row], float(batch.violation[row]), bool(lost[row]))
        self._asked = []

    def _tell_one(self, trial: Trial, objectives: NDArray[np.float64], violation: float, lost: bool) -> None:
        if lost:
            self._study.tell(trial, state=TrialState.FAIL)
            return
        violation = min(violation, WORST_VIOLATION)
        if self.sets_constraints:
            trial.set_constraint("violation", violation)
        else:
            trial.set_user_attr("violation", violation)
        if violation > 0:  # without objectives, which Optuna insists on: the worst seen so far
            objectives = np.where(np.isfinite(self._worst), self._worst, 0.0)
        self._study.tell(trial, objectives.tolist())
        self._finished += 1
