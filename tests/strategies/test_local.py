from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vitnas.searching.pareto import non_dominated
from vitnas.strategies.local import Local

MakeProblem = Callable[..., Any]


def test_proposes_neighbours_of_the_front(make_problem: MakeProblem) -> None:
    problem = make_problem(0.3, large=True)
    strategy = Local(problem, 0, population=8)
    first = strategy.ask(20)
    assert len(first) == 8
    batch = problem.evaluate(first)
    strategy.tell(batch)
    front = first[non_dominated(batch.objectives)]
    children = strategy.ask(30)
    gates = problem.space.activity
    for child in children:
        # one gene, and what it switches on or off
        changed = [np.flatnonzero(child != parent) for parent in front]
        assert any(
            any(all(g == gene or gene in gates.controls(g) for g in genes) for gene in genes)
            for genes in changed
        )


def test_nothing_is_proposed_twice_until_nothing_is_left(make_problem: MakeProblem) -> None:
    problem = make_problem(1.0)
    strategy = Local(problem, 0)
    asked = []
    for _ in range(20):
        genomes = strategy.ask(8)
        strategy.tell(problem.evaluate(genomes))
        asked.append(genomes)
    together = np.concatenate(asked)
    assert len(np.unique(together, axis=0)) == len(together)


def test_finds_the_whole_front_of_a_small_space(make_problem: MakeProblem) -> None:
    problem = make_problem(0.5)
    space = problem.space
    everything = problem.sample_feasible(space.size, np.random.default_rng(0))
    batch = problem.evaluate(everything)
    best = set(space.keys(everything[non_dominated(batch.objectives)]).tolist())
    strategy = Local(problem, 1)
    found = set[int]()
    for _ in range(120):
        genomes = strategy.ask(30)
        strategy.tell(problem.evaluate(genomes))
        found |= set(space.keys(genomes).tolist())
    assert len(best & found) >= 0.9 * len(best)
