"""A network in the hands of training code: every operator, every space."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vitnas
from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.space.files import load_space

SPACES = ["asvit", "autoformer_tiny", "efficientformer", "efficientformer_v1", "pit", "vit"]
SIDE = 32
Remade = Callable[[Network, Network], Network]


def sample(space: str, **changes: int) -> Network:
    """A random network of a space, in evaluation mode, for small images."""
    rng = np.random.default_rng(3)
    found = load_space(space)
    architecture = found.decode(found.sample(1, rng)[0])
    plan = dataclasses.replace(architecture, **{"resolution_px": SIDE, "classes": 5, **changes})
    return build(plan).eval()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("space", SPACES)
def test_images_of_another_shape_are_refused(space: str) -> None:
    with torch.device("meta"):
        network = sample(space)
        shapes = [(3, 2 * SIDE, SIDE // 2), (3, SIDE, 2 * SIDE), (3, 96, 96), (1, SIDE, SIDE), (SIDE, SIDE)]
        wrong = [torch.empty(2, *shape) for shape in shapes]
    for run in (network, network.forward_features, torch.fx.symbolic_trace(network)):
        for images in wrong:
            with pytest.raises(InvalidInput, match=rf"takes images \(B, 3, {SIDE}, {SIDE}\), not"):
                run(images)


def test_the_refusal_costs_nothing_in_graphs() -> None:
    network, images = sample("efficientformer"), torch.randn(2, 3, SIDE, SIDE)
    batch = ({0: torch.export.Dim("batch", min=1)},)
    graph = torch.export.export(network, (images,), dynamic_shapes=batch).graph
    assert not [node for node in graph.nodes if "assert" in node.name]
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    expected = network(images)
    assert torch.equal(compiled(images), expected)
    assert torch.equal(torch.jit.trace(network, images)(images), expected)
    assert torch.equal(torch.fx.symbolic_trace(network)(images), expected)
    with pytest.raises(InvalidInput, match="resolution_px=96"):
        torch.export.export(network, (torch.randn(2, 3, 96, 96),))


def emptied(remade: Network, saved: Network) -> Network:
    remade = remade.to_empty(device="cpu")
    remade.load_state_dict(saved.state_dict())
    return remade


def assigned(remade: Network, saved: Network) -> Network:
    remade.load_state_dict(saved.state_dict(), assign=True)
    return remade


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("remake", [emptied, assigned])
def test_a_network_made_on_meta_is_right_once_it_is_loaded(space: str, remake: Remade) -> None:
    saved = sample(space)
    for parameter in saved.parameters():
        nn.init.normal_(parameter, std=0.3)
    with torch.device("meta"):
        remade = sample(space)
    remade = remake(remade, saved).eval()
    images = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(remade(images), saved(images))


@pytest.mark.parametrize("space", SPACES)
def test_the_usual_training_step(space: str) -> None:
    network = sample(space).train()
    images, labels = torch.randn(2, 3, SIDE, SIDE), torch.tensor([0, 4])
    F.cross_entropy(network(images), labels).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_checkpointing_changes_no_gradient() -> None:
    plain = sample("vit").train()
    images = torch.randn(2, 3, SIDE, SIDE)
    found = []
    for enable in (False, True):
        plain.set_grad_checkpointing(enable)
        plain.zero_grad()
        plain(images).square().sum().backward()
        found.append([p.grad.clone() for p in plain.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_both_heads_on_request() -> None:
    images = torch.randn(4, 3, SIDE, SIDE)
    network = vitnas.create_model("efficientformer:s0", num_classes=5, resolution_px=SIDE, distilled=True)
    both = network.train()(images)
    assert isinstance(both, tuple) and [logits.shape for logits in both] == [(4, 5), (4, 5)]
    assert network.eval()(images).shape == (4, 5)
    network.set_distilled_training(False)
    assert network.train()(images).shape == (4, 5)
    with pytest.raises(InvalidArchitecture, match="one head"):
        vitnas.create_model("vit:deit_tiny", resolution_px=SIDE, distilled=True)


@pytest.mark.parametrize("space", SPACES)
def test_the_classifier_can_be_reset_or_left_out(space: str) -> None:
    images = torch.randn(2, 3, SIDE, SIDE)
    network, features = sample(space), sample(space, classes=0)
    features.load_state_dict(network.state_dict(), strict=False)
    pooled = network.forward_head(network.forward_features(images), pre_logits=True)
    assert torch.equal(pooled, features(images))
    assert pooled.shape == (2, network.head_hidden_size)
    network.reset_classifier(7)
    assert network(images).shape == (2, 7) and network.num_classes == 7
    network.reset_classifier(0)
    assert torch.equal(network(images), pooled)
    with pytest.raises(InvalidInput, match="forward_features"):
        network.reset_classifier(7, global_pool="")
