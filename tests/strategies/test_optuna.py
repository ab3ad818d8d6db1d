from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from vitnas import plugins
from vitnas.searching.problem import Batch
from vitnas.strategies import _optuna

MakeProblem = Callable[..., Any]


def make(name: str, problem: Any, population: int = 6) -> Any:
    return plugins.load_plugin("strategy", name)(problem, 0, population=population)


def test_trials_carry_values_constraints_and_failures(make_problem: MakeProblem) -> None:
    problem = make_problem(0.4)
    strategy = make("optuna-nsga2", problem)
    genomes = strategy.ask(4)
    objectives = np.array([[1.0, 2.0, 3.0], [np.nan] * 3, [np.nan] * 3, [4.0, 0.0, 1.0]])
    strategy.tell(Batch(genomes, objectives, np.array([0.0, 0.25, 0.0, 0.0])))
    trials = strategy._study.trials[:4]
    states = [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert [trial.state for trial in trials] == states
    assert trials[0].values == [1.0, 2.0, 3.0]
    assert trials[1].values == [4.0, 2.0, 3.0]  # no objectives: the worst known
    assert list(trials[1].constraints.values()) == [0.25]
    assert list(trials[0].constraints.values()) == [0.0]


def test_the_first_generation_is_feasible_then_a_model_takes_over(make_problem: MakeProblem) -> None:
    problem = make_problem(1e-3, large=True)
    strategy = make("optuna-nsga2", problem, population=10)
    genomes = strategy.ask(100)
    assert len(genomes) == 10  # a generation at most
    assert (problem.violation(genomes) == 0).all()
    batch = problem.evaluate(genomes)
    strategy.tell(batch)
    lost = int(np.isnan(batch.objectives[:, 0]).sum())
    if lost:  # those that failed are replaced before the sampler's model takes over
        more = strategy.ask(10)
        assert len(more) == lost
        assert (problem.violation(more) == 0).all()
        strategy.tell(Batch(more, np.ones((lost, 3)), np.zeros(lost)))
        genomes = np.concatenate([genomes, more])
    children = strategy.ask(10)
    distance = (children[:, None] != genomes[None]).sum(axis=2).min(axis=1)
    unrelated = (genomes[:, None] != genomes[None]).sum(axis=2)[~np.eye(len(genomes), dtype=bool)].min()
    assert distance.min() < unrelated


def test_ordered_genes_are_integers(make_problem: MakeProblem) -> None:
    problem = make_problem(0.4)
    strategy = make("optuna-tpe", problem)
    kinds = {}
    for (name, kind), column in zip(strategy._distributions.items(), strategy._columns, strict=True):
        assert name.endswith(problem.space.genes[column].name)
        kinds[problem.space.genes[column].choices] = type(kind)
    assert kinds[(16, 24, 32, 48)] is IntDistribution
    assert kinds[("relu", "gelu")] is CategoricalDistribution


@pytest.mark.parametrize("name", ["optuna-nsga2", "optuna-tpe", "optuna-gp"])
def test_version_4_gets_its_constraints_by_a_function(
    name: str, make_problem: MakeProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_optuna.OptunaStrategy, "sets_constraints", False)
    problem = make_problem(0.4)
    strategy = make(name, problem, population=4)
    for _ in range(2):
        strategy.tell(problem.evaluate(strategy.ask(3)))
    told = [t for t in strategy._study.trials if t.state == TrialState.COMPLETE]
    assert told
    for trial in told:
        assert trial.system_attrs["constraints"] == (trial.user_attrs["violation"],)


def test_optuna_is_silent(make_problem: MakeProblem, capfd: pytest.CaptureFixture[str]) -> None:
    problem = make_problem(0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("optuna-nsga2", "optuna-tpe", "optuna-gp"):
            strategy = make(name, problem, population=3)
            for _ in range(3):
                strategy.tell(problem.evaluate(strategy.ask(3)))
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("optuna").level >= logging.ERROR
