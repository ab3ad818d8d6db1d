"""Values that are the product of two variables."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from vitnas.errors import InvalidArchitecture, InvalidSpace
from vitnas.quality.genomes.resources import stage_resources
from vitnas.space.files import load_space

DOCUMENT = {
    "name": "products",
    "input": {"resolution_px": 64},
    "classes": 10,
    "vars": {"base": {"choice": [8, 16]}, "heads": {"choice": [1, 2, 4]}},
    "stem": {"op": "pit_embed"},
    "stages": [
        {
            "width": {"var": "base", "times": {"var": "heads"}},
            "blocks": [{"op": "split_head_block", "repeat": {"range": [1, 3]}, "heads": {"var": "heads"}}],
        }
    ],
    "head": {"op": "token_classifier"},
}


def changed(*path, value):
    document = copy.deepcopy(DOCUMENT)
    spot = document
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    return document


def test_every_pair_has_its_product_and_finds_its_way_back():
    space = load_space(DOCUMENT)
    assert space.size == 2 * 3 * 3
    seen = set()
    for base in (8, 16):
        for heads in (1, 2, 4):
            genome = space.genome_of({"vars.base": base, "vars.heads": heads, "stages.0.blocks.0.repeat": 2})
            architecture = space.decode(genome)
            assert architecture.stages[0].width == base * heads
            assert (space.encode(architecture) == genome).all()
            seen.add(architecture.id)
    assert len(seen) == 6
    (width,) = [r for r in stage_resources(space) if r.kind == "width"]
    genomes = space.sample(50, np.random.default_rng(0))
    assert (width.values(genomes) == [space.decode(g).stages[0].width for g in genomes]).all()


def test_factors_that_nothing_else_shows_are_some_that_fit():
    """8 x 2 and 16 x 1 are one network here: the width is all that the variables decide."""
    space = load_space(changed("stages", 0, "blocks", value=[{"op": "transformer_block", "repeat": 1}]))
    architecture = space.decode(space.genome_of({"vars.base": 16, "vars.heads": 1}))
    assert space.decode(space.encode(architecture)) == architecture


def test_a_product_of_constants_is_a_constant():
    space = load_space(changed("vars", value={"base": 8, "heads": {"choice": [1, 2]}}))
    assert [space.decode(np.array([k, 0], np.uint8)).stages[0].width for k in (0, 1)] == [8, 16]


def test_an_architecture_whose_product_contradicts_its_factors():
    space = load_space(DOCUMENT)
    document = space.decode(space.sample(1, np.random.default_rng(0))[0]).to_dict()
    document["stages"][0] |= {"width": 64, "blocks": [{"op": "split_head_block", "heads": 2}]}
    other = load_space(document).decode(np.zeros(0, np.uint8))
    with pytest.raises(
        InvalidArchitecture, match=r"stages\.0\.width: 64 contradicts .*vars\.base.*vars\.heads"
    ):
        space.encode(other)


WIDTH = ("stages", 0, "width")
BAD = [
    ((*WIDTH,), {"var": "base", "times": {"var": "bass"}}, "unknown variable 'bass'"),
    ((*WIDTH,), {"var": "base", "times": {"var": "base"}}, "one with itself"),
    (
        (*WIDTH,),
        {"var": "base", "times": {"choice": [1, 2]}},
        "'times' takes a number above 0 or {var: name}",
    ),
    (("vars", "heads"), {"choice": ["a", "b"]}, "multiplies numbers"),
    (
        ("stages", 0, "blocks", 0, "repeat"),
        {"var": "base", "times": {"var": "heads"}},
        "a depth is one value",
    ),
]


@pytest.mark.parametrize(("path", "value", "said"), BAD)
def test_what_is_no_product_is_said(path, value, said):
    with pytest.raises(InvalidSpace, match=said):
        load_space(changed(*path, value=value))
