"""Genes, genomes and counts of a space."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vitnas.errors import InvalidArchitecture, InvalidSpace
from vitnas.space.files import load_space

DOCUMENT = {
    "name": "demo",
    "classes": 10,
    "vars": {"attention": {"range": [0, 2]}, "base": {"choice": [16, 24]}},
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"var": "base"},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [2, 3]}}],
        },
        {
            "down": {"op": "conv_down"},
            "width": {"var": "base", "times": 2},
            "blocks": [
                {"op": "conv_ffn", "repeat": {"range": [0, 2]}, "expansion": {"choice": [2, 3, 4]}},
                {
                    "op": {"choice": ["attention_ffn", "conv_ffn"], "tied": True},
                    "repeat": {"var": "attention"},
                    "expansion": {"choice": [2, 3], "tied": True},
                    "heads": {"choice": [2, 4]},
                    "key_dim": 8,
                },
            ],
        },
    ],
    "head": {"op": "pooled_classifier"},
}


@pytest.fixture(scope="module")
def space():
    return load_space(DOCUMENT)


def all_genomes(space):
    grid = itertools.product(*(range(c) for c in space.cardinalities))
    return np.array(list(grid), dtype=np.uint8)


def test_size_counts_distinct_canonical_genomes(space):
    everything = space.canonical(all_genomes(space))
    assert space.size == len(np.unique(everything, axis=0))
    assert len(np.unique(space.keys(everything))) == space.size


def test_size_is_quick_where_every_block_chooses_its_operator():
    document = {
        **DOCUMENT,
        "vars": {"base": 16},
        "stages": [
            {
                "width": {"var": "base"},
                "blocks": [
                    {
                        "op": {"choice": ["attention_ffn", "conv_ffn"]},
                        "repeat": {"range": [1, 24]},
                        "expansion": {"choice": [2, 3]},
                        "heads": {"choice": [1, 2, 4]},
                        "key_dim": 8,
                    }
                ],
            }
        ],
    }
    # each block: attention with 2 x 3 choices or convolution with 2
    assert load_space(document).size == sum(8**depth for depth in range(1, 25))


def test_canonical_genomes_and_architectures_are_one_to_one(space):
    genomes = np.unique(space.canonical(all_genomes(space)), axis=0)[::7]
    ids = {space.decode(g).id for g in genomes}
    # two convolutional segments of one stage can spell one network in two ways: never more ids than genomes
    assert len(ids) <= len(genomes)
    masked = {space.decode(g).id for g in all_genomes(space)[::29]}
    assert masked <= {
        space.decode(g).id for g in np.unique(space.canonical(all_genomes(space)[::29]), axis=0)
    }


def test_masking_does_not_change_what_is_built(space):
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 255, size=(60, len(space.genes))) % space.cardinalities
    for genome in raw.astype(np.uint8):
        assert space.decode(genome).id == space.decode(space.canonical(genome[None])[0]).id


def test_encode_is_the_inverse_of_decode():
    for name in ("efficientformer", "efficientformer_v1"):
        space = load_space(name)
        for genome in space.sample(40, np.random.default_rng(1)):
            assert (space.encode(space.decode(genome)) == genome).all()


def test_samples_are_canonical_and_repeatable(space):
    a = space.sample(500, np.random.default_rng(3))
    assert (a == space.sample(500, np.random.default_rng(3))).all()
    assert (a == space.canonical(a)).all()
    assert (a < space.cardinalities).all()
    for gene, cardinality in enumerate(space.cardinalities):
        assert set(a[:, gene]) == set(range(cardinality))


def test_neighbours_differ_in_one_gene_and_come_back(space):
    genome = space.sample(1, np.random.default_rng(5))[0]
    near = space.neighbours(genome)
    assert len(np.unique(near, axis=0)) == len(near) > 0
    assert not (near == genome).all(axis=1).any()
    for other in near:
        assert (space.canonical(other[None])[0] == other).all()
    single = [n for n in near if (n != genome).sum() == 1]
    assert single
    for other in single:
        back = space.neighbours(other)
        assert (back == genome).all(axis=1).any()


def test_variables_are_shared_and_scaled(space):
    architecture = space.decode(space.sample(1, np.random.default_rng(0))[0])
    assert architecture.stages[1].width == 2 * architecture.stages[0].width


def test_operators_take_only_their_own_arguments(space):
    names = [g.name for g in space.genes]
    op = names.index("stages.1.blocks.1.op")
    genome = space.sample(1, np.random.default_rng(0))[0]
    genome[names.index("vars.attention")] = 2
    genome[op] = 1
    genome = space.canonical(genome[None])[0]
    blocks = space.decode(genome).stages[1].blocks()
    assert all("heads" not in block.args for block in blocks if block.op == "conv_ffn")
    heads = [k for k, name in enumerate(names) if ".heads" in name]
    assert (genome[heads] == 0).all()


def test_architectures_outside_are_refused_with_the_reason(space):
    architecture = load_space("efficientformer").references["s0"].architecture
    with pytest.raises(InvalidArchitecture, match=r"demo.*classes.*1000 is not 10"):
        space.encode(architecture)


def test_around_keeps_the_winner_and_its_neighbourhood():
    space = load_space("efficientformer")
    s1 = space.references["s1"].architecture
    narrow = load_space(space.around(s1, radius=1))
    assert narrow.size < space.size
    for gene in narrow.genes:
        if gene.name.startswith("stages.0.blocks.0.expansion"):
            assert gene.choices == (3.5, 4, 4.5), "what inactive blocks would take is left out"
    assert narrow.decode(narrow.encode(s1)).id == s1.id


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"vars": {"attention": {"range": [2, 0]}}}, "low <= high"),
        ({"vars": {**DOCUMENT["vars"], "unused": 3}}, "no value uses this variable"),
        ({"vars": {"base": {"choice": [16, 24]}}}, "unknown variable 'attention'"),
        ({"vars": {**DOCUMENT["vars"], "base": {"choice": []}}}, "at least one value"),
        ({"vars": {**DOCUMENT["vars"], "base": {"choice": [16, 16]}}}, "twice"),
        ({"vars": {**DOCUMENT["vars"], "base": {"choice": ["a"]}}}, "expected an integer"),
        ({"references": {"x": {"genes": {"vars.atention": 1}}}}, "vars.atten"),
    ],
)
def test_errors(change, expected):
    with pytest.raises(InvalidSpace) as caught:
        load_space({**DOCUMENT, **change})
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_any_value_can_be_a_gene():
    document = {
        **DOCUMENT,
        "vars": {"attention": 1, "base": 16},
        "input": {"channels": 3, "resolution_px": {"choice": [64, 96, 128]}},
        "classes": {"choice": [10, 20]},
        "stem": {"op": "conv_stem", "activation": {"choice": ["gelu", "relu"]}},
        "head": {"op": "pooled_classifier", "distilled": {"choice": [True, False]}},
    }
    space = load_space(document)
    sides = {space.decode(g).resolution_px for g in space.sample(50, np.random.default_rng(0))}
    assert sides == {64, 96, 128}


def test_the_active_genes_of_many_are_those_of_each(space):
    genomes = space.sample(50, np.random.default_rng(4))
    active = space.activity.active_genes(genomes)
    assert (active == np.array([space.activity.active(genome) for genome in genomes])).all()
    assert not (genomes[~active]).any() and 0 < active.mean() < 1
    for genome, own in zip(genomes[:10], active[:10], strict=True):  # a gene acts if changing it can matter
        for gene in np.flatnonzero(~own):
            other = genome.copy()
            other[gene] = space.cardinalities[gene] - 1
            assert space.decode(space.canonical(other[None])[0]).id == space.decode(genome).id
