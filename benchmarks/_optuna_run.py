"""Optuna's NSGA-II on the default search's problem, with only its ask and tell timed."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from _problem import Bench
from optuna.study import StudyDirection

from vitnas.strategies._optuna import HAS_SET_CONSTRAINT

POPULATION = 50
Distributions = dict[str, optuna.distributions.BaseDistribution]


class OptunaRun:
    """Optuna on the same problem."""

    def __init__(self, bench: Bench, storage: str | None) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        self.bench = bench
        problem = bench.setup.problem
        sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=0)
        directions = [StudyDirection.MINIMIZE] * problem.n_objectives
        self.study = optuna.create_study(directions=directions, sampler=sampler, storage=storage)
        self.columns = [k for k, gene in enumerate(problem.space.genes) if len(gene.choices) > 1]
        counts = [len(problem.space.genes[k].choices) for k in self.columns]
        self.distributions: Distributions = {
            f"g{k}": optuna.distributions.IntDistribution(0, n - 1)
            for k, n in zip(self.columns, counts, strict=True)
        }

    def go_on(self, trials: int) -> float:
        """Seconds of ask and tell a trial; the evaluation is not counted."""
        spent = 0.0
        for _ in range(trials):
            started = time.perf_counter()
            trial = self.study.ask(self.distributions)
            spent += time.perf_counter() - started
            objectives, violation = self.evaluate(trial.params)
            started = time.perf_counter()
            if HAS_SET_CONSTRAINT:  # Optuna 4 goes without the constraint: hardly quicker
                trial.set_constraint("violation", violation)
            self.study.tell(trial, objectives)
            spent += time.perf_counter() - started
        return spent / trials

    def evaluate(self, params: Mapping[str, Any]) -> tuple[list[float], float]:
        """Objectives and violation, of infeasible candidates as well: Optuna wants them."""
        problem = self.bench.setup.problem
        genome = np.zeros((1, len(problem.space.genes)), np.uint8)
        genome[0, self.columns] = [params[name] for name in self.distributions]
        genome = problem.space.canonical(genome)
        costs = problem.table.price(genome)
        objectives = problem.matrix(costs, self.bench.rate(genome))[0].tolist()
        return objectives, float(problem.violation(costs, 1)[0])
