"""All that is feasible, without looking at all that there is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vitnas.cost.table import CostTable
from vitnas.hardware.load_device import load_device
from vitnas.searching.budget import Budget
from vitnas.searching.listing import feasible_genomes
from vitnas.searching.problem import SearchProblem
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.space.space import Space

OBJECTIVES = ("quality", "macs", "params")
LIMITED = ("params", "latency_ms", "peak_bytes", "macs")


@pytest.fixture(scope="module")
def table(small_space: Space) -> CostTable:
    return CostTable.build(small_space, load_device("iphone12"))


@pytest.fixture(scope="module")
def every(small_space: Space) -> Genomes:
    found = np.unique(small_space.sample(20_000, np.random.default_rng(0)), axis=0)
    assert len(found) == small_space.size == 480
    return found


def problem_of(table: CostTable, budgets: Sequence[Budget]) -> SearchProblem:
    return SearchProblem(table, budgets, OBJECTIVES)


def rows(genomes: Genomes) -> list[list[int]]:
    return sorted(genomes.tolist())


@pytest.mark.parametrize("costs", [*((cost,) for cost in LIMITED), LIMITED, ("params", "latency_ms")])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_listing_is_all_that_is_feasible(
    table: CostTable, every: Genomes, costs: Sequence[str], share: float
) -> None:
    """At quantiles, so that some networks lie exactly at a limit."""
    priced = table.price(every)
    limits = [float(np.quantile(priced[cost], share, method="higher")) for cost in costs]
    problem = problem_of(table, [Budget(c, limit) for c, limit in zip(costs, limits, strict=True)])
    listed = feasible_genomes(problem)
    assert listed is not None and listed.dtype == np.uint8
    assert rows(listed) == rows(every[problem.feasible(every)]) != []


def test_a_budget_from_below_is_met_too(table: CostTable, every: Genomes) -> None:
    least = float(np.median(table.price(every)["params"]))
    problem = problem_of(table, [Budget("params", least, at_least=True), Budget("latency_ms", 1e3)])
    listed = feasible_genomes(problem)
    assert listed is not None and rows(listed) == rows(every[problem.feasible(every)])
    assert 0 < len(listed) < len(every)


def test_more_than_the_most_are_none(table: CostTable, every: Genomes) -> None:
    free = problem_of(table, [])
    listed = feasible_genomes(free, 480)
    assert listed is not None and rows(listed) == rows(every)
    assert feasible_genomes(free, 479) is None
    limited = problem_of(table, [Budget("params", float(np.median(table.price(every)["params"])))])
    n = int(limited.feasible(every).sum())
    assert feasible_genomes(limited, n - 1) is None
    assert feasible_genomes(limited, n) is not None
    nothing = feasible_genomes(problem_of(table, [Budget("params", 1.0)]))
    assert nothing is not None and nothing.shape == (0, len(every[0]))


def test_few_are_found_among_a_great_many() -> None:
    space = load_space("efficientformer_v1")
    table = CostTable.cached(space)
    params = table.price(space.sample(100_000, np.random.default_rng(0)))["params"]
    problem = problem_of(table, [Budget("params", float(params.min()))])
    listed = feasible_genomes(problem)
    assert listed is not None and 0 < len(listed) < space.size / 1e4
    drawn = problem.sample_feasible(300, np.random.default_rng(0))
    assert set(space.keys(drawn).tolist()) <= set(space.keys(listed).tolist())
    assert problem.feasible(listed).all() and (space.canonical(listed) == listed).all()
    assert len(np.unique(listed, axis=0)) == len(listed)
    assert feasible_genomes(problem_of(table, [Budget("params", float(np.median(params)))])) is None


def test_a_space_with_one_point(small_space: Space) -> None:
    point = load_space(small_space.decode(np.zeros(len(small_space.genes), np.uint8)).to_dict())
    listed = feasible_genomes(problem_of(CostTable.build(point), []))
    assert listed is not None and listed.shape == (1, 0)
