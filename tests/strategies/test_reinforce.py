"""REINFORCE: what it learns, and each piece of a step against its definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from vitnas.searching.problem import Batch
from vitnas.space.activity import Genomes
from vitnas.strategies.reinforce import Reinforce

MakeProblem = Callable[..., Any]


def told(genomes: Genomes, parts: list[list[float]]) -> Batch:
    values = np.array(parts)
    return Batch(genomes, -values[:, :1], np.zeros(len(genomes)), values)


def rewards(strategy: Reinforce, samples: list[list[float]]) -> list[float]:
    return [strategy._reward(np.array(row)) for row in samples]


def test_learns_a_separable_problem(make_problem: MakeProblem) -> None:
    problem = make_problem(1.0, large=True)
    worth = np.random.default_rng(0).normal(
        size=(len(problem.space.genes), problem.space.cardinalities.max())
    )
    gain = []

    def rate(genomes: Genomes) -> np.ndarray:
        active = np.array([problem.space.activity.active(genome) for genome in genomes])
        return (worth[np.arange(genomes.shape[1]), genomes] * active).sum(axis=1)

    strategy = Reinforce(problem, 0)
    for _ in range(strategy.trials):
        genomes = strategy.ask(1)
        gain.append(rate(genomes).item())
        strategy.tell(Batch(genomes, -rate(genomes)[:, None], np.zeros(1)))
    random = rate(problem.space.sample(5000, np.random.default_rng(1)))
    assert np.mean(gain[-50:]) > random.mean() + 2 * random.std()
    assert rate(strategy.choice()).item() > np.quantile(random, 0.999)


def test_the_reward_is_the_change_in_units_of_the_last_twenty(make_problem: MakeProblem) -> None:
    samples = np.random.default_rng(2).normal(size=(60, 2)) * [1.0, 1e6]
    found = rewards(Reinforce(make_problem(), 0), samples.tolist())
    assert found[0] == 0
    for k in range(1, 60):
        expected = 0.0
        for part in samples.T.tolist():
            last = part[max(0, k - 19) : k + 1]
            expected += (part[k] - part[k - 1]) / (max(last) - min(last))
        assert math.isclose(found[k], expected, abs_tol=1e-9)


def test_a_failure_is_the_worst_there_is_and_is_not_compared_with(make_problem: MakeProblem) -> None:
    failed = [math.nan, 1.0]
    with_failure = rewards(Reinforce(make_problem(), 0), [[0, 0], [1, 2], failed, [3, 1], [3, 1]])
    without = rewards(Reinforce(make_problem(), 0), [[0, 0], [1, 2], [3, 1], [3, 1]])
    assert with_failure[2] == -2
    assert with_failure[:2] + with_failure[3:] == without
    assert all(-2 <= reward <= 2 for reward in without)


def test_costs_and_quality_are_parts_where_nothing_else_is_told(make_problem: MakeProblem) -> None:
    problem = make_problem(0.5)
    one, other = Reinforce(problem, 1), Reinforce(problem, 1)
    for _ in range(5):
        genomes = one.ask(1)
        assert (genomes == other.ask(1)).all()
        batch = problem.evaluate(genomes)
        one.tell(batch)
        other.tell(Batch(genomes, batch.objectives[:, :1] * np.nan, batch.violation, -batch.objectives))
    assert (one.probabilities() == other.probabilities()).all()


def test_a_step_is_torch_s_adam_on_the_log_likelihood(make_problem: MakeProblem) -> None:
    problem = make_problem(1.0)
    strategy = Reinforce(problem, 3, population=4)
    logits = [
        torch.zeros(int(c), dtype=torch.float64, requires_grad=True) for c in problem.space.cardinalities
    ]
    optimiser = torch.optim.Adam(logits, lr=0.08)
    rng = np.random.default_rng(4)
    before, window, weighted, weights = 0.0, [], 0.0, 0.0
    for _ in range(12):
        genomes = strategy.ask(4)
        values = rng.normal(size=len(genomes)).tolist()
        strategy.tell(told(genomes, [[value] for value in values]))
        loss = torch.zeros((), dtype=torch.float64)
        for genome, value in zip(genomes, values, strict=True):
            window = [*window, value][-20:]
            reward = (value - before) / (max(window) - min(window)) if len(window) > 1 else 0.0
            before = value
            weighted, weights = 0.9 * weighted + 0.1 * reward, 0.9 * weights + 0.1
            for gene, active in enumerate(problem.space.activity.active(genome)):
                if active:
                    likelihood = torch.log_softmax(logits[gene], 0)[int(genome[gene])]
                    loss = loss - likelihood * (reward - weighted / weights) / len(genomes)
        optimiser.zero_grad()
        loss.backward()
        for gene in logits:  # torch leaves out a gene that no sample had; its gradient is 0
            gene.grad = torch.zeros_like(gene) if gene.grad is None else gene.grad
        optimiser.step()
    for gene, row in zip(logits, strategy.probabilities(), strict=True):
        expected = torch.softmax(gene.detach(), 0).numpy()
        np.testing.assert_allclose(row[: len(expected)], expected, atol=1e-9)
        assert row[len(expected) :].sum() == 0


def test_genes_without_an_effect_learn_nothing(make_problem: MakeProblem) -> None:
    problem = make_problem(1.0)
    strategy = Reinforce(problem, 0)
    start = strategy.probabilities()
    shallow = next(g for g in problem.space.sample(200, np.random.default_rng(0)) if not is_full(problem, g))
    strategy.tell(told(shallow[None], [[0.0]]))
    strategy.tell(told(shallow[None], [[1.0]]))
    moved = (strategy.probabilities() != start).any(axis=1)
    active = problem.space.activity.active(shallow)
    assert not moved[~active].any()
    assert moved[active & (problem.space.cardinalities > 1)].all()


def is_full(problem: Any, genome: np.ndarray) -> bool:
    return bool(problem.space.activity.active(genome).all())


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_only_what_meets_the_budgets_is_proposed(make_problem: MakeProblem, share: float) -> None:
    problem = make_problem(share, large=True)
    strategy = Reinforce(problem, 0, population=5)
    for n in (1, 3, 8):
        genomes = strategy.ask(n)
        assert len(genomes) == min(n, 5)
        assert problem.feasible(genomes).all()
        strategy.tell(problem.evaluate(genomes))


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_its_choice_is_the_most_likely_genome_within_the_budgets(
    make_problem: MakeProblem, share: float
) -> None:
    problem = make_problem(share)
    strategy = Reinforce(problem, 0)
    for _ in range(60):
        genomes = strategy.ask(1)
        strategy.tell(problem.evaluate(genomes))
    everything = problem.sample_feasible(problem.space.size, np.random.default_rng(0))
    likely = strategy.probabilities()
    chance = [
        math.prod(likely[g, genome[g]] for g in np.flatnonzero(problem.space.activity.active(genome)))
        for genome in everything
    ]
    choice = strategy.choice()
    assert (choice == strategy.choice()).all()
    assert problem.feasible(choice).all()
    if share == 1.0:  # gene by gene, as in As-ViT
        active = problem.space.activity.active(choice[0])
        assert (choice[0] == np.where(active, likely.argmax(axis=1), 0)).all()
    else:
        position = (everything == choice).all(axis=1).argmax()
        assert chance[position] >= np.quantile(chance, 0.99)


def test_it_has_no_choice_where_the_policy_gives_nothing_within_the_budgets(
    make_problem: MakeProblem,
) -> None:
    problem = make_problem(0.5)

    class Nothing:
        space = problem.space
        n_objectives = 1

        @staticmethod
        def feasible(genomes: Genomes) -> np.ndarray:
            return np.zeros(len(genomes), dtype=bool)

    assert Reinforce(Nothing(), 0).choice().shape == (0, len(problem.space.genes))


def test_one_sample_a_step_by_default(make_problem: MakeProblem) -> None:
    assert len(Reinforce(make_problem(), 0).ask(16)) == 1
