"""The EfficientFormer spaces: published networks lie inside with room, and timm holds every architecture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture, Block
from vitnas.space.files import load_space

SPACES = ["efficientformer", "efficientformer_v1"]
# L7 has no pooling block in stage 4, and L1 one attention block: there is no less, or timm could not run it.
AT_THE_BOUND = {
    ("efficientformer_v1", "stages.3.blocks.0.repeat"),
    ("efficientformer_v1", "stages.3.blocks.1.repeat"),
}


@pytest.mark.parametrize("name", SPACES)
def test_published_networks_lie_inside_with_room_on_both_sides(name: str) -> None:
    space = load_space(name)
    genomes = np.stack([reference.genome for reference in space.references.values()])
    for g, gene in enumerate(space.genes):
        if not gene.name.endswith((".width", ".repeat", "attention_blocks")):
            continue
        values = [float(gene.choices[i]) for i in genomes[:, g]]
        options = [float(choice) for choice in gene.choices]
        assert max(values) < max(options), gene.name
        assert min(values) > min(options) or (name, gene.name) in AT_THE_BOUND, gene.name


def blocks_of(architecture: Architecture, stage: int, op: str) -> list[Block]:
    return [block for block in architecture.stages[stage].blocks() if block.op == op]


@pytest.mark.parametrize("name", SPACES)
def test_timm_holds_any_architecture_of_the_space(name: str) -> None:
    models = pytest.importorskip("timm.models")
    space = load_space(name)
    for genome in space.sample(8, np.random.default_rng(0)):
        architecture = space.decode(genome)
        depths = tuple(len(stage.blocks()) for stage in architecture.stages)
        widths = tuple(stage.width for stage in architecture.stages)
        with torch.device("meta"):
            if name == "efficientformer":
                theirs = models.EfficientFormerV2(
                    depths=depths,
                    embed_dims=widths,
                    num_vit=len(blocks_of(architecture, 2, "attention_ffn")),
                    mlp_ratios=tuple(
                        tuple(block.args["expansion"] for block in s.blocks()) for s in architecture.stages
                    ),
                )
            else:
                attention = len(blocks_of(architecture, 3, "attention_mlp"))
                theirs = models.EfficientFormer(depths=depths, embed_dims=widths, num_vit=attention)
            ours = build(architecture)
        assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_v1_without_attention_is_a_network_too() -> None:
    """An architecture file may ask for it, though timm's class cannot run it."""
    space = load_space("efficientformer_v1")
    published = space.references["l1"].architecture
    *first, last = published.stages
    pooling = type(last)(last.width, last.segments[:1], last.down)
    network = build(Architecture(**{**vars(published), "stages": (*first, pooling)})).eval()
    assert network(torch.randn(1, 3, 224, 224)).shape == (1, 1000)
    assert isinstance(network.head.norm, torch.nn.LayerNorm)
