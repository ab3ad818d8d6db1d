from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitnas.searching.archive import Archive
from vitnas.searching.pareto import crowding, hypervolume, ranks
from vitnas.strategies.evolution import Evolution, survivors
from vitnas.strategies.random import Random

MakeProblem = Callable[..., Any]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 30), st.integers(1, 20), st.sampled_from([1, 2, 3, 4]))
def test_survivors_are_the_best_in_order(seed: int, rows: int, n: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    objectives = rng.integers(0, 5, size=(rows, columns)).astype(np.float64)
    violation = np.where(rng.random(rows) < 0.3, rng.integers(1, 4, size=rows) / 2, 0.0)
    objectives[violation > 0] = np.nan
    feasible = np.flatnonzero(violation == 0)
    front = ranks(objectives[feasible])
    lonely = crowding(objectives[feasible], front)
    key = {int(row): (0.0, float(front[k]), -lonely[k]) for k, row in enumerate(feasible)}
    key |= {int(row): (1.0, float(violation[row]), 0.0) for row in np.flatnonzero(violation > 0)}
    expected = sorted(range(rows), key=lambda row: (*key[row], row))[:n]
    assert survivors(objectives, violation, n).tolist() == expected


def test_the_population_has_no_duplicates_and_no_failures(make_problem: MakeProblem) -> None:
    problem = make_problem(0.4, large=True)
    strategy = Evolution(problem, 0, population=20)
    for _ in range(15):
        strategy.tell(problem.evaluate(strategy.ask(20)))
        keys = problem.space.keys(strategy._genomes)
        assert len(np.unique(keys)) == len(keys) <= 20
        assert not np.isnan(strategy._objectives[strategy._violation == 0]).any()


def test_children_are_no_repeats(make_problem: MakeProblem) -> None:
    problem = make_problem(0.4, large=True)
    strategy = Evolution(problem, 0, population=20)
    strategy.tell(problem.evaluate(strategy.ask(20)))
    for _ in range(5):
        population = set(problem.space.keys(strategy._genomes).tolist())
        children = strategy.ask(40)
        keys = problem.space.keys(children).tolist()
        assert len(set(keys)) == 40
        assert not population & set(keys)
        strategy.tell(problem.evaluate(children))


@pytest.mark.parametrize(
    ("trials", "size", "ask"),
    [(None, 50, 100), (300, 50, 100), (10_000, 100, 200), (200_000, 2000, 4000), (2_000_000, 2000, 16_000)],
)
def test_the_population_follows_the_trials_and_asks_follow_it(
    trials: int | None, size: int, ask: int, make_problem: MakeProblem
) -> None:
    problem = make_problem(0.4, large=True)
    strategy = Evolution(problem, 0, planned=trials)
    first = strategy.ask(16_384)
    assert len(first) == size == len(strategy.state()["genomes"]) + size
    strategy.tell(problem.evaluate(first))
    assert len(strategy.ask(16_384)) == ask and len(strategy.ask(7)) == 7


def test_a_population_grows_with_the_trials_and_never_shrinks(make_problem: MakeProblem) -> None:
    problem = make_problem(0.4, large=True)
    small = Evolution(problem, 0, planned=10_000)
    small.tell(problem.evaluate(small.ask(200)))
    for planned, ask in ((20_000, 400), (300, 200)):
        again = Evolution(problem, 0, planned=planned)
        again.restore(small.state())
        assert len(again.ask(16_384)) == ask


@pytest.mark.parametrize("share", [1.0, 0.3, 0.01])
def test_beats_random_search(share: float, make_problem: MakeProblem) -> None:
    problem = make_problem(share, large=True)
    volumes: dict[str, list[float]] = {"evolution": [], "random": []}
    sample = problem.evaluate(problem.sample_feasible(2000, np.random.default_rng(9))).objectives
    reference = np.nanmax(sample, axis=0)
    for seed in range(3):
        for name, kind in (("evolution", Evolution), ("random", Random)):
            strategy, front = kind(problem, seed), Archive(len(problem.space.genes), 3)
            for _ in range(20):
                batch = problem.evaluate(strategy.ask(50))
                strategy.tell(batch)
                front.add(batch.genomes, problem.space.keys(batch.genomes), batch.objectives)
            volumes[name].append(hypervolume(front.objectives, reference))
    assert min(volumes["evolution"]) > max(volumes["random"])


def test_climbs_out_of_infeasibility(make_problem: MakeProblem) -> None:
    """Told only infeasible rows at first, it still breeds towards the budget."""
    problem = make_problem(1e-4, large=True)

    class Blind:
        space, n_objectives = problem.space, 3

        @staticmethod
        def sample_feasible(n: int, rng: np.random.Generator) -> Any:
            return problem.space.sample(n, rng)

    strategy = Evolution(Blind(), 0, population=50)
    batches = []
    for _ in range(25):
        batches.append(problem.evaluate(strategy.ask(50)))
        strategy.tell(batches[-1])
    assert (batches[0].violation > 0).all()
    assert (batches[-1].violation == 0).sum() > 5
