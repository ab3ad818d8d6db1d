from __future__ import annotations

import numpy as np
import pytest

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture
from vitnas.quality.genomes.resources import attention_width_of, expansion_of, stage_resources
from vitnas.space.files import load_space


def by_hand(architecture: Architecture, power: float, ramp: float) -> dict[str, float]:
    """The resources of a closed network, block by block."""
    found = {}
    for index, stage in enumerate(architecture.stages):
        blocks = stage.blocks()
        shares = np.arange(1.0, len(blocks) + 1) ** ramp
        expansions = np.array([float(b.args["expansion"]) for b in blocks])
        attention = [
            b.args["heads"] * int(b.args["key_dim"] * b.args["attention_ratio"]) if "heads" in b.args else 0
            for b in blocks
        ]
        found[f"stages.{index}.depth"] = len(blocks)
        found[f"stages.{index}.width"] = stage.width
        for kind, values in (("expansion", expansions), ("attention", np.array(attention, float))):
            mean = np.average(values**power, weights=shares)
            found[f"stages.{index}.{kind}"] = float(mean ** (1 / power))
    return found


@pytest.mark.parametrize("name", ["efficientformer", "efficientformer_v1"])
@pytest.mark.parametrize(("power", "ramp"), [(1.0, 0.0), (0.5, 0.0), (1.0, 1.0), (0.25, 2.0)])
def test_look_ups_agree_with_counting_blocks(name, power, ramp):
    space = load_space(name)
    genomes = space.sample(40, np.random.default_rng(1))
    found = {r.name: r.values(genomes) for r in stage_resources(space, power=power, ramp=ramp)}
    for row, genome in enumerate(genomes):
        expected = by_hand(space.decode(genome), power, ramp)
        assert {n: v[row] for n, v in found.items()} == pytest.approx(expected, rel=1e-12)


def test_bounds_hold_and_tables_agree_with_sums(v2):
    space, _ = v2
    genomes = space.sample(5000, np.random.default_rng(2))
    tabulated = 0
    for resource in stage_resources(space, power=0.5):
        values = resource.values(genomes)
        assert resource.low - 1e-9 <= values.min()
        assert values.max() <= resource.high + 1e-9
        assert resource.varies == (np.ptp(values) > 1e-9)
        column = resource.tabulated()
        if column is not None:
            tabulated += 1
            index = (
                np.ravel_multi_index(tuple(genomes[:, column.genes].T), column.shape) if column.genes else 0
            )
            np.testing.assert_allclose(column.values[index, 0], values, rtol=1e-12)
    assert tabulated >= 10


def test_meaning_of_arguments():
    assert expansion_of("conv_ffn", {"expansion": 3}, 64) == 3
    assert expansion_of("conv_ffn", {}, 64) == 4, "the operator's default"
    assert expansion_of("conv_down", {}, 64) == 0
    assert attention_width_of("conv_ffn", {"expansion": 3}, 64) == 0
    args = {"heads": 4, "key_dim": 16, "attention_ratio": 2.5}
    assert attention_width_of("attention_ffn", args, 64) == 4 * 40


def test_heads_without_a_width_share_the_blocks_width(plain_vit):
    plain_vit(width=64, repeat=1, mlp_ratio=4, heads=2)
    assert attention_width_of("vit_block", {"heads": 3}, 100) == 3 * 64
    assert expansion_of("vit_block", {"mlp_ratio": 2.5}, 100) == 2.5


def test_a_stage_may_have_no_block_and_no_attention():
    block = {"op": "attention_ffn", "heads": 2, "key_dim": 8, "expansion": {"choice": [2, 4]}}
    space = load_space(
        {
            "name": "may_be_empty",
            "input": {"resolution_px": 64},
            "stem": {"op": "conv_stem"},
            "stages": [{"width": 16, "blocks": [{**block, "repeat": {"range": [0, 2]}}]}],
            "head": {"op": "pooled_classifier"},
        }
    )
    genomes = np.unique(space.sample(500, np.random.default_rng(0)), axis=0)
    found = {r.name.split(".")[-1]: r for r in stage_resources(space)}
    depths = found["depth"].values(genomes)
    assert set(depths) == {0, 1, 2}
    assert (found["expansion"].values(genomes)[depths == 0] == 0).all()
    assert (found["attention"].values(genomes) == np.where(depths > 0, 2 * 32, 0)).all()
    assert found["attention"].low == 0
    assert not found["width"].varies


def test_unbuildable_blocks_are_the_cost_tables_business():
    """Resources come from names and numbers: no module is run for them."""
    document = {
        "name": "odd",
        "input": {"resolution_px": 225},
        "stem": {"op": "conv_stem"},
        "stages": [
            {"width": 16, "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": 2}]}
        ],
        "head": {"op": "pooled_classifier"},
    }
    space = load_space(document)
    depth = next(r for r in stage_resources(space) if r.kind == "depth")
    assert depth.values(space.sample(50, np.random.default_rng(0))).max() == 3
    architecture = space.decode(np.zeros(len(space.genes), np.uint8))
    with pytest.raises(InvalidArchitecture, match="225"):
        build(architecture)
