"""DeiT-Tiny and -Small against timm's implementation of them, and the bounds of the space."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture, Block
from vitnas.cost.peak import peak_activation_bytes
from vitnas.cost.trace import trace
from vitnas.errors import InvalidData
from vitnas.export.weights import load_timm_weights
from vitnas.space.files import load_architecture, load_space
from vitnas.testing.fvcore_macs import fvcore_macs

timm = pytest.importorskip("timm")

PUBLISHED = {"vit:deit_tiny": "deit_tiny_patch16_224", "vit:deit_small": "deit_small_patch16_224"}
PARAMS = {"vit:deit_tiny": 5_717_416, "vit:deit_small": 22_050_664}
TINY = "vit:deit_tiny"
SHAPE = (1, 3, 224, 224)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def at(name: str, **changes: int) -> Architecture:
    return dataclasses.replace(load_architecture(name), **changes)


def randomised(model: nn.Module) -> nn.Module:
    """Give every parameter a value that shows in the output."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in ("cls_token", "pos_embed"):
                value.normal_()
            elif value.ndim == 1:
                value.uniform_(0.5, 1.5) if name.endswith("weight") else value.normal_(0, 0.2)
            else:
                value.normal_(0, value[0].numel() ** -0.5)
    return model.eval()


def difference(ours: nn.Module, theirs: nn.Module, side_px: int = 224, channels: int = 3) -> float:
    """Largest difference of the outputs, which are of the order of 1 and differ between images."""
    images = torch.randn(2, channels, side_px, side_px) + torch.randn(2, channels, 1, 1)
    with torch.no_grad():
        mine, reference = ours.eval()(images), theirs.eval()(images)
    assert 0.1 < reference.std() < 10
    assert (reference[0] - reference[1]).std() > 0.05
    return float((mine - reference).abs().max())


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_timms_and_macs_fvcores_by_operator(name: str) -> None:
    architecture = load_architecture(name)
    ours, theirs = build(architecture), timm.create_model(PUBLISHED[name])
    facts, traced = architecture.metadata["metrics"], trace(ours, SHAPE)
    assert traced.params == trace(theirs, SHAPE).params == facts["params"] == PARAMS[name]
    counted = fvcore_macs(ours, SHAPE)
    assert counted == fvcore_macs(theirs, SHAPE)
    assert sum(counted.values()) == traced.macs == trace(theirs, SHAPE).macs == facts["macs"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_output_is_timms_with_its_weights(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name]))
    ours = build(load_architecture(name))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs) < 1e-5


@pytest.mark.parametrize("side_px", [32, 160, 240])
def test_other_resolutions_classes_and_channels(side_px: int) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[TINY], img_size=side_px, num_classes=7, in_chans=4))
    ours = build(at(TINY, resolution_px=side_px, classes=7, in_channels=4))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs, side_px, channels=4) < 1e-5


def test_the_mean_of_the_tokens_without_a_class_token() -> None:
    options = {"class_token": False, "global_pool": "avg", "fc_norm": False}
    theirs = randomised(timm.create_model(PUBLISHED[TINY], **options))
    published = load_architecture(TINY)
    stem = Block("patch_embed", {"patch_px": 16, "class_token": False})
    ours = build(dataclasses.replace(published, stem=stem, head=Block("token_classifier")))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs) < 1e-5


def test_every_parameter_matters_for_that_output() -> None:
    ours = build(load_architecture(TINY))
    load_timm_weights(ours, randomised(timm.create_model(PUBLISHED[TINY])))
    (ours.eval()(torch.randn(2, 3, 224, 224)) * torch.randn(1000)).sum().backward()
    # What is added to all keys of a query alike vanishes in the softmax.
    shifts = re.compile(r"attention\.k\.bias$")
    unfelt = [key for key, p in ours.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-4]
    assert [key for key in unfelt if not shifts.search(key)] == []


def test_positions_are_resized_as_timm_does() -> None:
    theirs = randomised(timm.create_model(PUBLISHED[TINY]))
    resized = timm.create_model(PUBLISHED[TINY], img_size=160)
    resized.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(theirs.state_dict(), resized))
    ours = build(at(TINY, resolution_px=160))
    load_timm_weights(ours, theirs)
    assert torch.allclose(ours.stem.positions, resized.pos_embed, atol=1e-6)
    assert torch.equal(ours.stem.positions[:, 0], theirs.pos_embed[:, 0])
    assert difference(ours, resized, 160) < 1e-5


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("deit_small_patch16_224", "another shape: stem.class_token"),
        ("deit_tiny_distilled_patch16_224", "unexpected: dist_token"),
        ("deit3_small_patch16_224", r"unexpected: stages\.0\.blocks\.0\.scale1\.gamma"),
    ],
)
def test_weights_of_another_architecture_name_the_keys(model: str, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        load_timm_weights(build(load_architecture(TINY)), timm.create_model(model))


def test_peak_memory_is_that_of_the_softmax() -> None:
    """Block input, values, scores and their softmax, as projections are separate and dropped when read."""
    tokens, width, heads = 197, 192, 3
    softmax = tokens * width + tokens * heads * 64 + 2 * heads * tokens**2
    mlp = 2 * tokens * width + tokens * 4 * width  # block input, its norm or the result, hidden
    assert softmax > mlp
    with torch.device("meta"):
        ours = build(load_architecture(TINY))
    assert peak_activation_bytes(trace(ours, SHAPE), 1) == softmax == 308_502


def test_published_networks_lie_inside_with_room_on_both_sides() -> None:
    space = load_space("vit")
    genomes = np.stack([reference.genome for reference in space.references.values()])
    for g, gene in enumerate(space.genes):
        block = re.search(r"\[(\d+)\]$", gene.name)
        if block and int(block[1]) >= 12:  # without effect in both
            continue
        assert genomes[:, g].min() > 0, gene.name
        assert genomes[:, g].max() < len(gene.choices) - 1, gene.name


def test_autoformers_spaces_lie_inside() -> None:
    """Every choice of AutoFormer-T and -S (with relative positions left out)."""
    space = load_space("vit")
    choices = {gene.name: set(gene.choices) for gene in space.genes}
    assert {192, 216, 240, 320, 384, 448} <= choices["stages.0.width"]
    assert {12, 13, 14} <= choices["stages.0.blocks.0.repeat"]
    for k in range(14):
        assert {3, 3.5, 4} <= choices[f"stages.0.blocks.0.expansion[{k}]"]
        assert {3, 4, 5, 6, 7} <= choices[f"stages.0.blocks.0.heads[{k}]"]


def test_any_network_of_the_space_trains() -> None:
    space = load_space("vit")
    architecture = dataclasses.replace(
        space.decode(space.sample(1, np.random.default_rng(0))[0]), resolution_px=32
    )
    network = build(architecture, drop_path_rate=0.1).train()
    out = network(torch.randn(2, 3, 32, 32))
    assert isinstance(out, Tensor)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


# width, heads, expansions and parameters of AutoFormer-T and -S subnets, from the lists published with
# OoD-ViT-NAS (github.com/vovantuan1999a/OoD-ViT-NAS at 037c8e0)
AUTOFORMER: list[tuple[int, str, str, int]] = [
    (192, "4 3 3 4 4 3 3 4 3 4 4 3", "3.5 4 4 4 3.5 4 4 4 4 4 4 3.5", 5_994_760),
    (192, "3 4 4 4 3 4 3 4 4 3 4 4 3", "4 4 3.5 3.5 3.5 3.5 3.5 3.5 3.5 4 3.5 4 3.5", 6_324_232),
    (448, "5 5 7 5 6 5 6 5 5 7 5 6", "3.5 3 3 4 4 3 3 4 3 3.5 3 4", 25_180_584),
    (448, "6 7 6 5 6 7 5 6 6 7 5 6 6", "3 3.5 3.5 3 3 3 4 3 4 3.5 3.5 3 3", 27_258_344),
]


@pytest.mark.parametrize(("width", "heads", "expansions", "published"), AUTOFORMER)
def test_parameters_are_autoformers_but_for_relative_positions(
    width: int, heads: str, expansions: str, published: int
) -> None:
    space, depth = load_space("vit"), len(heads.split())
    genes = {
        "stages.0.width": width,
        "stages.0.blocks.0.repeat": depth,
        "stages.0.blocks.0.heads": [int(h) for h in heads.split()],
        "stages.0.blocks.0.expansion": [float(e) for e in expansions.split()],
    }
    relative_positions = depth * 2 * 2 * (2 * 14 + 2) * 64  # keys and values, two axes, 30 offsets, 64 wide
    with torch.device("meta"):
        network = build(space.decode(space.genome_of(genes)))
    assert sum(p.numel() for p in network.parameters()) + relative_positions == published
