"""As-ViT: the size of its space, its seed, and the published size of its largest network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.cost.pricer import price_architecture
from vitnas.space.files import load_architecture, load_space

SEED = "8,2,3|4,1,2|4,1,4|4,1,6|32"  # kernel, splits and expansion of each stage, heads of the last


def scaled(architecture: Architecture, width: int, depths: tuple[int, ...]) -> Architecture:
    """The same topology with widths C, 2C, 4C, 8C (1024 at most) and other depths."""
    stages = []
    for index, (stage, depth) in enumerate(zip(architecture.stages, depths, strict=True)):
        segment = dataclasses.replace(stage.segments[0], repeat=depth)
        channels = min(1024, width * 2**index)
        stages.append(dataclasses.replace(stage, width=channels, segments=(segment,)))
    return dataclasses.replace(architecture, stages=tuple(stages))


def test_the_space_has_as_many_networks_as_the_papers() -> None:
    assert load_space("asvit").size == 4_556_250


def test_the_seed_is_the_released_one() -> None:
    seed = load_architecture("asvit:seed")
    stages = []
    for index, stage in enumerate(seed.stages):
        (block,), entry = stage.blocks(), seed.stages[index].down or seed.stem
        stages.append(f"{entry.args['kernel_px']},{block.args['splits']},{block.args['expansion']}")
        assert block.args["heads"] == 32 // 2 ** (3 - index)
    assert "|".join([*stages, "32"]) == SEED
    assert [stage.width for stage in seed.stages] == [32, 64, 128, 256]


def test_every_network_keeps_the_proportion_of_heads() -> None:
    space = load_space("asvit")
    lowest = space.decode(np.zeros(len(space.genes), np.uint8))
    assert [stage.blocks()[0].args["heads"] for stage in lowest.stages] == [2, 4, 8, 16]


def test_large_has_nearly_the_published_size() -> None:
    """Published: 88.1 M parameters and 22.6 G MACs, for depths 5, 2, 5, 2 and width 180."""
    large = scaled(load_architecture("asvit:seed"), 180, (5, 2, 5, 2))
    costs = price_architecture(large)
    assert costs["params"] == 87_580_820
    assert costs["params"] == pytest.approx(88.1e6, rel=0.01)
    assert costs["macs"] == pytest.approx(22.6e9, rel=0.02)


def test_parameters_of_the_seed_by_hand() -> None:
    widths, kernels, expansions = (32, 64, 128, 256), (8, 4, 4, 4), (3, 2, 4, 6)
    count = 3 * 8**2 * 32 + 32 + 2 * 32  # patches and their norm
    for channels, width, kernel in zip(widths, widths[1:], kernels[1:], strict=False):
        count += 2 * channels * kernel**2 + channels * kernel**2 * width
    for width, expansion in zip(widths, expansions, strict=True):
        count += 4 * (width * width + width) + 2 * 2 * width
        count += 2 * expansion * width * width + (expansion + 1) * width
    count += 2 * 256 + 256 * 256 + 256 + 256 * 1000 + 1000
    assert price_architecture(load_architecture("asvit:seed"))["params"] == count


@pytest.mark.parametrize("side_px", [64, 96])
def test_it_runs_at_small_resolutions(side_px: int) -> None:
    space = load_space("asvit")
    highest = space.decode((space.cardinalities - 1).astype("uint8"))
    network = build(dataclasses.replace(highest, resolution_px=side_px, classes=5)).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, side_px, side_px)).shape == (2, 5)
