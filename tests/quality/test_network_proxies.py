"""Proxies with passes of their own against their definitions, written out in loops on tiny networks."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from vitnas.arch.features import Features
from vitnas.arch.network import Network, Stage
from vitnas.ops.conv_down import ConvDown
from vitnas.ops.conv_ffn import ConvFfn
from vitnas.ops.conv_stem import ConvStem
from vitnas.ops.patch_embed import PatchEmbed
from vitnas.ops.pooled_classifier import PooledClassifier
from vitnas.ops.token_classifier import TokenClassifier
from vitnas.ops.transformer_block import TransformerBlock
from vitnas.quality.measure import run_proxies
from vitnas.quality.proxies.trainability import Trainability, aligned, as_map
from vitnas.quality.proxies.zen import Zen


def tokens_network() -> Network:
    """Patches of 4 px of an 8 px image: 5 tokens of width 6, two blocks."""
    inputs = Features(6, 2, tokens=True, extra_tokens=1)
    blocks = [TransformerBlock(inputs, 6, expansion=2.0, heads=h, head_dim=2) for h in (1, 2)]
    stem = PatchEmbed(Features(3, 8), 6, patch_px=4)
    return Network(stem, [Stage(None, list(blocks))], TokenClassifier(inputs, 4))


def map_network() -> Network:
    """Two stages of convolutional MLPs with batch norms, 5 px and 3 px wide."""
    first, second = Features(6, 5), Features(8, 3)
    stages = [
        Stage(None, [ConvFfn(first, 6, expansion=2.0)]),
        Stage(ConvDown(first, 8), [ConvFfn(second, 8, expansion=2.0)]),
    ]
    return Network(ConvStem(Features(3, 20), 6), stages, PooledClassifier(second, 4))


def made(make, side_px):
    torch.manual_seed(0)
    network = make().train()
    for parameter in network.parameters():  # layer scales of 1e-5 would hide what the branches do
        nn.init.normal_(parameter, std=0.5)
    return network, torch.randn(3, 3, side_px, side_px)


@pytest.fixture(params=[(tokens_network, 8), (map_network, 20)], ids=["tokens", "maps"])
def setting(request):
    return made(*request.param)


def signs(shape) -> torch.Tensor:
    return torch.randint(2, shape).float() * 2 - 1


def test_trainability_of_tokens():
    """The products of g_out with each step's Jacobian, one row of the Jacobian after another."""
    network, images = made(tokens_network, 8)
    x = network.stem(images)
    features, steps = [], []
    for block in network.stages[0].blocks:
        steps.append(lambda x, b=block: x + b.attention(b.norm1(x)))
        steps.append(lambda x, b=block: x + b.mlp(b.norm2(x)))
    for step in steps:
        x = step(x)
        features.append(x.detach())
    torch.manual_seed(7)
    terms = []
    for step, before, after in zip(steps[1:], features, features[1:], strict=False):
        g_out = signs(after.shape)
        jacobian = torch.autograd.functional.jacobian(step, before)  # (*after, *before)
        g_in = np.tensordot(g_out.numpy(), jacobian.numpy(), axes=3)
        product = np.zeros((6, 6))
        for image in range(len(images)):
            for token in range(5):
                product += np.outer(g_in[image, token], g_out[image, token].numpy())
        s = np.linalg.svd(product / (len(images) * 5))[1].max()
        terms.append(2 - s - 1 / s)
    torch.manual_seed(7)
    assert Trainability().measure(network, images) == pytest.approx(np.mean(terms), rel=1e-4)


def test_trainability_between_stages():
    """An output pixel's row of g_in holds the 2 x 2 input pixels that it stands for, zeros at the rim."""
    network, images = made(map_network, 20)
    first, second = network.stages
    with torch.no_grad():
        before = first(network.stem(images))
    before.requires_grad_()
    after = second(before)
    torch.manual_seed(7)
    g_out = signs(after.shape)
    (g_in,) = torch.autograd.grad(after, before, g_out)
    product = np.zeros((24, 8))
    for b in range(len(images)):
        for y in range(3):
            for x in range(3):
                patch = np.zeros((6, 2, 2))
                for dy in range(min(2, 5 - 2 * y)):
                    for dx in range(min(2, 5 - 2 * x)):
                        patch[:, dy, dx] = g_in[b, :, 2 * y + dy, 2 * x + dx]
                product += np.outer(patch.ravel(), g_out[b, :, y, x].numpy())
    s = np.linalg.svd(product / (len(images) * 9))[1].max()
    torch.manual_seed(7)
    assert Trainability().measure(network, images) == pytest.approx(2 - s - 1 / s, rel=1e-4)


def test_rows_of_tokens_between_resolutions_leave_the_class_token_out():
    g_in, g_out = torch.randn(2, 17, 3), torch.randn(2, 5, 4)
    received, sent = aligned(g_in, g_out, (1, 1))
    assert received.shape == (8, 12)
    assert sent.equal(g_out[:, 1:].flatten(0, 1))
    assert as_map(g_in, (1, 1))[1, :, 2, 3].equal(g_in[1, 1 + 2 * 4 + 3])


def test_trainability_is_that_of_a_random_matrix_where_rows_are_few():
    """Branches that add nothing much: s = (1 + sqrt(width / rows))^2, a matter of width alone."""
    torch.manual_seed(0)
    inputs = Features(96, 7, tokens=True)
    stem = PatchEmbed(Features(3, 56), 96, patch_px=8, class_token=False)
    blocks = [TransformerBlock(inputs, 96, expansion=1.0, heads=1, head_dim=8) for _ in range(2)]
    network = Network(stem, [Stage(None, list(blocks))], TokenClassifier(inputs, 4))
    for parameter in network.stages.parameters():
        nn.init.normal_(parameter, std=1e-3)
    for images in (2, 8):
        s = (1 + math.sqrt(96 / (images * 49))) ** 2
        found = Trainability().measure(network, torch.randn(images, 3, 56, 56))
        assert found == pytest.approx(2 - s - 1 / s, rel=0.12)


def test_trainability_leaves_out_what_passes_gradients_on():
    torch.manual_seed(0)
    network, images = tokens_network(), torch.randn(3, 3, 8, 8)
    mlps = [block.mlp for block in network.stages[0].blocks]
    attention = network.stages[0].blocks[1].attention
    for layer in (*(m.fc2 for m in mlps), attention.proj):
        nn.init.zeros_(layer.weight)
    with pytest.raises(ValueError, match="no two residual features"):
        Trainability().measure(network, images)


def zen_by_hand(network: Network, images: torch.Tensor) -> float:
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = torch.randn(module.weight.shape)
            module.bias.data = torch.zeros(module.bias.shape)
    factors = []

    def note(module, inputs, output):
        channels = [inputs[0][:, c].detach().double().numpy() for c in range(inputs[0].shape[1])]
        factors.append(math.sqrt(sum(((c - c.mean()) ** 2).mean() for c in channels) / len(channels)))

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.fill_(1)
            module.bias.data.fill_(0)
            module.register_forward_hook(note)
    features = network.forward_features(images)
    correction = sum(math.log(factor) for factor in factors)
    moved = network.forward_features(images + 0.01 * torch.randn(images.shape))
    change = (moved - features).abs().detach().double().numpy().ravel()
    return math.log(sum(change) / len(change)) + correction


def test_zen(setting):
    network, images = setting
    torch.manual_seed(7)
    found = Zen().measure(network, images)
    torch.manual_seed(7)
    assert found == pytest.approx(zen_by_hand(network, images), rel=1e-4)


@pytest.mark.parametrize("proxy", [Zen, Trainability])
def test_the_network_is_left_as_it_was(setting, proxy):
    network, images = setting
    weights = {name: value.detach().clone() for name, value in network.named_parameters()}
    same = list(network.parameters())
    outcome = run_proxies(network, {"it": proxy()}, images, torch.randint(4, (3,)))
    assert not outcome.failures
    for name, parameter in network.named_parameters():
        assert parameter.equal(weights[name])
    assert all(one is two for one, two in zip(same, network.parameters(), strict=True))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    proxy().measure(network, images)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("proxy", "words"), [(Zen, "forward_features"), (Trainability, "residual features")])
def test_a_network_without_what_a_proxy_looks_at(proxy, words):
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    outcome = run_proxies(network, {"it": proxy()}, torch.randn(2, 3, 4, 4), torch.randint(4, (2,)))
    assert words in outcome.failures["it"]


@pytest.mark.parametrize("proxy", [Zen, Trainability])
def test_what_is_not_finite_is_a_failure(setting, proxy):
    network, images = setting
    outcome = run_proxies(network, {"it": proxy()}, images * torch.inf, torch.randint(4, (3,)))
    assert outcome.failures["it"]
    assert not outcome.scores
