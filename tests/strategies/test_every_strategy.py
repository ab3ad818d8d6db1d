"""What every strategy must hold; a plugin of one's own is tested like ours if it stands in ./strategies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitnas import plugins
from vitnas.searching.problem import Batch
from vitnas.searching.strategy import load_strategy
from vitnas.space.activity import Genomes

NAMES = sorted(plugins.list_plugins("strategy"))
SLOW = {"optuna-gp"}  # half a second for a proposal, once its model is in use
STOPS = [(name, stop) for name in NAMES for stop in ((1,) if name in SLOW else (1, 2, 5))]
MakeProblem = Callable[..., Any]


def make(name: str, problem: Any, seed: int = 0) -> Any:
    return plugins.load_plugin("strategy", name)(problem, seed, population=3 if name in SLOW else 6)


def asks(name: str, enough: int) -> int:
    """``enough`` asks; only two of a slow strategy, the second of which uses its model."""
    return min(enough, 2) if name in SLOW else enough


def drive(strategy: Any, problem: Any, asks: int, n: int = 3) -> list[Genomes]:
    asked = []
    for _ in range(asks):
        genomes = strategy.ask(n)
        strategy.tell(problem.evaluate(genomes))
        asked.append(genomes)
    return asked


def same(one: list[Genomes], other: list[Genomes]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_all_are_listed_with_a_line() -> None:
    listed = plugins.list_plugins("strategy")
    assert {"random", "local", "evolution", "optuna-nsga2", "optuna-tpe", "optuna-gp"} <= set(listed)
    assert all(listed.values())


@pytest.mark.parametrize("name", NAMES)
def test_asks_are_canonical_genomes(name: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.4)
    for genomes in drive(make(name, problem), problem, asks(name, 6)):
        assert genomes.dtype == np.uint8
        assert 1 <= len(genomes) <= 3
        assert genomes.shape[1] == len(problem.space.genes)
        assert (genomes < problem.space.cardinalities).all()
        assert (problem.space.canonical(genomes) == genomes).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_asks_the_same(name: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.4)
    first = drive(make(name, problem, 3), problem, asks(name, 6))
    assert same(first, drive(make(name, problem, 3), problem, asks(name, 6)))
    assert not same(first, drive(make(name, problem, 4), problem, asks(name, 6)))


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generator_has_no_say(name: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.4)
    np.random.seed(1)
    first = drive(make(name, problem), problem, asks(name, 5))
    np.random.seed(2)
    assert same(first, drive(make(name, problem), problem, asks(name, 5)))


@pytest.mark.parametrize("name", NAMES)
def test_begins_with_feasible_genomes(name: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.02, large=True)
    genomes = make(name, problem).ask(5)
    assert (problem.violation(genomes) == 0).all()


@pytest.mark.parametrize(("name", "stop"), STOPS)
def test_state_goes_on_as_if_uninterrupted(
    name: str, stop: int, make_problem: MakeProblem, tmp_path: Path
) -> None:
    problem = make_problem(0.4)
    strategy = make(name, problem, 5)
    before = drive(strategy, problem, stop)
    state = strategy.state()
    resumed = make(name, problem, 99)
    if state is None:  # then telling everything again brings it back
        resumed = make(name, problem, 5)
        assert same(drive(resumed, problem, stop), before)
    else:
        np.savez(tmp_path / "state.npz", **state)
        with np.load(tmp_path / "state.npz", allow_pickle=False) as kept:
            resumed.restore({key: kept[key] for key in kept.files})
    more = asks(name, 4)
    assert same(drive(resumed, problem, more), drive(strategy, problem, more))


@pytest.mark.parametrize("how", ["failed", "infeasible", "mixed"])
@pytest.mark.parametrize("name", NAMES)
def test_goes_on_when_nothing_can_be_scored(name: str, how: str, make_problem: MakeProblem) -> None:
    problem = make_problem(1.0)
    strategy = make(name, problem)
    for turn in range(asks(name, 8)):
        genomes = strategy.ask(3)
        assert len(genomes) >= 1
        violation = np.zeros(len(genomes))
        if how == "infeasible" or (how == "mixed" and turn % 2):
            violation[:] = [np.inf, 0.5, 0.1][: len(genomes)]
        strategy.tell(Batch(genomes, np.full((len(genomes), 3), np.nan), violation))


@pytest.mark.parametrize("name", NAMES)
def test_goes_on_when_a_space_is_used_up(name: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.01)
    strategy = make(name, problem)
    asked = np.concatenate(drive(strategy, problem, asks(name, 25)))
    feasible = asked[problem.violation(asked) == 0]
    assert len(np.unique(feasible, axis=0)) >= 1


@pytest.mark.parametrize("name", NAMES)
def test_one_objective_is_enough(name: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.5)

    class Single:
        space = problem.space
        n_objectives = 1
        sample_feasible = staticmethod(problem.sample_feasible)
        feasible = staticmethod(problem.feasible)

        @staticmethod
        def evaluate(genomes: Genomes) -> Batch:
            batch = problem.evaluate(genomes)
            return Batch(genomes, batch.objectives[:, :1], batch.violation)

    drive(make(name, Single()), Single(), asks(name, 6))


OPTIONS = [(name, option) for name in NAMES if name not in SLOW for option in load_strategy(name).options()]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_has_a_say(name: str, option: str, make_problem: MakeProblem) -> None:
    problem = make_problem(0.5)
    declared = load_strategy(name).options()[option]
    assert len(declared.help) > 5
    default = declared.default
    kind = type(default)
    other = not default if kind is bool else kind(default / 2) or kind(0.5) or 3
    some = 4 if name.startswith("optuna-") else 25

    def asked(**options: Any) -> list[Genomes]:
        strategy = load_strategy(name)(problem, 0, population=6, **options)
        return drive(strategy, problem, some, n=8)

    assert same(asked(**{option: default}), asked())
    assert not same(asked(**{option: other}), asked())
