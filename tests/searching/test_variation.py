from __future__ import annotations

import numpy as np
import pytest

from vitnas.searching.variation import Moves, is_ordered
from vitnas.space.files import load_space
from vitnas.space.space import Space


@pytest.mark.parametrize("expected", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("step_share", [0.0, 0.5, 1.0])
def test_mutation_stays_in_the_space(large_space: Space, expected: float, step_share: float) -> None:
    genomes = large_space.sample(500, np.random.default_rng(0))
    before = genomes.copy()
    moved = Moves(large_space).mutate(
        genomes, np.random.default_rng(1), expected=expected, step_share=step_share
    )
    assert (genomes == before).all()
    assert (moved < large_space.cardinalities).all()
    changed = (moved != genomes).sum(axis=1)
    assert changed.mean() == pytest.approx(expected, rel=0.2)
    if expected >= 1:
        assert changed.min() >= 1


def test_ordered_genes_step_to_neighbours(large_space: Space) -> None:
    genomes = large_space.sample(400, np.random.default_rng(0))
    moved = Moves(large_space).mutate(genomes, np.random.default_rng(1), step_share=1.0)
    ordered = np.array([is_ordered(gene.choices) for gene in large_space.genes])
    distance = np.abs(moved.astype(int) - genomes)[:, ordered]
    assert distance.max() == 1


def test_a_reset_reaches_all_other_choices_alike(large_space: Space) -> None:
    genomes = np.zeros((40_000, len(large_space.genes)), np.uint8)
    moved = Moves(large_space).mutate(genomes, np.random.default_rng(1), step_share=0.0)
    gene = int(np.argmax(large_space.cardinalities))
    counts = np.bincount(moved[:, gene], minlength=large_space.cardinalities[gene])[1:]
    assert counts.min() > 0.4 * counts.mean()
    assert counts.max() < 1.8 * counts.mean()


def test_crossover_takes_each_gene_from_a_parent(large_space: Space) -> None:
    zeros = np.zeros((300, len(large_space.genes)), np.uint8)
    child = Moves(large_space).cross(zeros, zeros + np.uint8(1), np.random.default_rng(0))
    assert set(np.unique(child)) == {0, 1}
    assert child.mean(axis=0).min() > 0.35
    assert child.mean(axis=0).max() < 0.65


def test_a_space_with_one_point_has_no_moves(small_space: Space) -> None:
    point = load_space(small_space.decode(np.zeros(len(small_space.genes), np.uint8)).to_dict())
    genomes = point.sample(3, np.random.default_rng(0))
    moves = Moves(point)
    assert moves.mutate(genomes, np.random.default_rng(0)).shape == genomes.shape
    assert moves.cross(genomes, genomes, np.random.default_rng(0)).shape == genomes.shape


@pytest.mark.parametrize(
    ("choices", "ordered"),
    [((1, 2, 3), True), ((16, 24.5, 48), True), ((1, 2), False), ((3, 1, 2), False), (("a", "b"), False)],
)
def test_ordered_choices_are_growing_numbers(choices: tuple[int | float | str, ...], ordered: bool) -> None:
    assert is_ordered(choices) is ordered


def test_a_block_more_is_like_the_one_before() -> None:
    space = load_space("efficientformer")
    names = [gene.name for gene in space.genes]
    depth = names.index("stages.0.blocks.0.repeat")
    blocks = [g for g, name in enumerate(names) if name.startswith("stages.0.blocks.0.expansion[")]
    genomes = space.sample(200, np.random.default_rng(0))
    genomes[:, depth] = 0
    filled = Moves(space).filled(space.canonical(genomes))
    filled[:, depth] = len(space.genes[depth].choices) - 1
    grown = space.canonical(filled)[:, blocks]
    assert (grown[:, 1:] == grown[:, :1]).all() and len(np.unique(grown)) > 1
    whole = space.canonical(filled)
    assert (Moves(space).filled(whole)[:, blocks] == whole[:, blocks]).all(), "what is there stays"
