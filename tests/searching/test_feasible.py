from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vitnas.errors import NothingFeasible
from vitnas.searching.feasible import FeasibleSampler
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.space.space import Space

Price = Callable[[Genomes], NDArray[np.float64]]


def cost_of(space: Space) -> Price:
    """A cost that grows with each gene, more with some than with others."""
    weights = np.random.default_rng(7).random(len(space.genes)) / np.maximum(space.cardinalities - 1, 1)
    return lambda genomes: genomes @ weights


def sampler_at(space: Space, share: float) -> FeasibleSampler:
    """Budgets that about this share of random genomes meets."""
    cost = cost_of(space)
    limit = np.quantile(cost(space.sample(200_000, np.random.default_rng(3))), share)
    return FeasibleSampler(space, lambda genomes: np.maximum(cost(genomes) / limit - 1, 0))


def assert_good(sampler: FeasibleSampler, genomes: Genomes) -> None:
    space = sampler.space
    assert genomes.dtype == np.uint8
    assert (space.canonical(genomes) == genomes).all()
    assert len(np.unique(space.keys(genomes))) == len(genomes)
    assert (sampler.violation(genomes) == 0).all()


@pytest.mark.parametrize("share", [1.0, 0.3, 1e-2, 1e-4])
@pytest.mark.parametrize("n", [0, 1, 50, 3000])
def test_samples_are_feasible_distinct_and_canonical(large_space: Space, share: float, n: int) -> None:
    sampler = sampler_at(large_space, share)
    genomes = sampler.sample(n, np.random.default_rng(0))
    assert genomes.shape == (n, len(large_space.genes))
    assert_good(sampler, genomes)


def test_a_share_of_less_than_one_in_a_million_is_found(large_space: Space) -> None:
    cost = cost_of(large_space)
    seen = cost(large_space.sample(1_000_000, np.random.default_rng(3))).min()
    sampler = FeasibleSampler(large_space, lambda genomes: np.maximum(cost(genomes) / (0.9 * seen) - 1, 0))
    genomes = sampler.sample(500, np.random.default_rng(0))
    assert len(genomes) == 500
    assert_good(sampler, genomes)
    varied = (genomes != genomes[0]).any(axis=0)
    assert varied.sum() > len(large_space.genes) / 2


def test_walks_have_the_law_of_rejection(large_space: Space) -> None:
    sampler = sampler_at(large_space, 5e-3)
    walked = sampler._walk(1000, np.random.default_rng(0))
    drawn = sampler._reject(1000, np.random.default_rng(1))
    cost = cost_of(large_space)
    assert cost(walked).mean() == pytest.approx(cost(drawn).mean(), rel=0.02)
    spread = drawn.std(axis=0) + walked.std(axis=0) + 1e-9
    assert (np.abs(drawn.mean(axis=0) - walked.mean(axis=0)) / spread).max() < 0.2


def test_a_sample_depends_on_its_arguments_only(large_space: Space) -> None:
    one, other = sampler_at(large_space, 1e-4), sampler_at(large_space, 1e-4)
    one.sample(10, np.random.default_rng(5))  # an earlier call leaves no trace
    again = one.sample(200, np.random.default_rng(6))
    assert (again == other.sample(200, np.random.default_rng(6))).all()
    assert (again != other.sample(200, np.random.default_rng(7))).any()


def test_a_small_space_is_drawn_out_completely(small_space: Space) -> None:
    cost = cost_of(small_space)
    everything = small_space.sample(20_000, np.random.default_rng(0))
    limit = float(np.quantile(cost(everything), 0.1))
    sampler = FeasibleSampler(small_space, lambda genomes: np.maximum(cost(genomes) - limit, 0))
    expected = np.unique(everything[cost(everything) <= limit], axis=0)
    genomes = sampler.sample(10_000, np.random.default_rng(1))
    assert_good(sampler, genomes)
    assert (np.unique(genomes, axis=0) == expected).all()
    total = len(np.unique(everything, axis=0))
    assert total == small_space.size
    assert sampler.share(1, np.random.default_rng(0)) == pytest.approx(len(expected) / total)


def test_the_share_is_estimated(large_space: Space) -> None:
    share = sampler_at(large_space, 0.3).share(20_000, np.random.default_rng(0))
    assert share == pytest.approx(0.3, abs=0.02)


def test_fewer_come_back_if_there_are_no_more(large_space: Space) -> None:
    home = large_space.sample(1, np.random.default_rng(11))[0]
    allowed = large_space.canonical(np.array([home] * 4))
    gene = next(g for g in range(len(home)) if g not in large_space.activity.gated)
    allowed[:, gene] = np.arange(4)
    allowed = large_space.canonical(allowed)
    wanted = np.unique(large_space.keys(allowed))

    def violation(genomes: Genomes) -> NDArray[np.float64]:
        distance = (genomes[:, None] != allowed[None]).sum(axis=2).min(axis=1)
        return np.asarray(distance, dtype=np.float64)

    sampler = FeasibleSampler(large_space, violation)
    genomes = sampler.sample(100, np.random.default_rng(0))
    assert_good(sampler, genomes)
    assert 0 < len(genomes) <= len(wanted)
    assert set(large_space.keys(genomes)) <= set(wanted)


@pytest.mark.parametrize("size", ["small", "large"])
def test_nothing_feasible_is_said_at_once(small_space: Space, large_space: Space, size: str) -> None:
    space = small_space if size == "small" else large_space
    cost = cost_of(space)
    sampler = FeasibleSampler(space, lambda genomes: cost(genomes) + 0.25)
    with pytest.raises(NothingFeasible, match=r"the closest one misses them by 25\.0% in all"):
        sampler.sample(10, np.random.default_rng(0))
    assert sampler.closest is not None
    assert cost(sampler.closest[None])[0] == pytest.approx(0.0)
    assert sampler.least_violation == pytest.approx(0.25)


def test_costs_that_are_unknown_are_not_feasible(small_space: Space) -> None:
    sampler = FeasibleSampler(small_space, lambda genomes: np.full(len(genomes), np.inf))
    with pytest.raises(NothingFeasible, match="an unknown amount"):
        sampler.sample(10, np.random.default_rng(0))


def test_a_space_with_one_point(small_space: Space) -> None:
    point = load_space(small_space.decode(np.zeros(len(small_space.genes), np.uint8)).to_dict())
    sampler = FeasibleSampler(point, lambda genomes: np.zeros(len(genomes)))
    assert sampler.sample(5, np.random.default_rng(0)).shape == (1, 0)
