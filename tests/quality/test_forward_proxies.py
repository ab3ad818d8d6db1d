"""Proxies of features against their definitions, written out in loops on tiny networks."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from vitnas.arch.features import Features
from vitnas.arch.network import Network, Stage
from vitnas.ops.attention_down import AttentionDown
from vitnas.ops.attention_ffn import AttentionFfn
from vitnas.ops.conv_ffn import ConvFfn
from vitnas.ops.conv_stem import ConvStem
from vitnas.ops.patch_embed import PatchEmbed
from vitnas.ops.pooled_classifier import PooledClassifier
from vitnas.ops.token_classifier import TokenClassifier
from vitnas.ops.transformer_block import TransformerBlock
from vitnas.quality.measure import run_proxies
from vitnas.quality.proxies._base import Proxy
from vitnas.quality.proxies.expressivity import Expressivity
from vitnas.quality.proxies.feature_entropy import FeatureEntropy
from vitnas.quality.proxies.meco import Meco
from vitnas.quality.proxies.swap import Swap
from vitnas.quality.proxies.token_entropy import TokenEntropy
from vitnas.quality.proxies.zico import Zico

NEW = {"entropy": FeatureEntropy, "expressivity": Expressivity, "swap": Swap, "meco": Meco}


def tokens_network() -> Network:
    """Patches of 4 px of an 8 px image: 5 tokens of width 6, two blocks."""
    inputs = Features(6, 2, tokens=True, extra_tokens=1)
    blocks = [TransformerBlock(inputs, 6, expansion=2.0, heads=h, head_dim=2) for h in (1, 2)]
    stem = PatchEmbed(Features(3, 8), 6, patch_px=4)
    return Network(stem, [Stage(None, list(blocks))], TokenClassifier(inputs, 4))


def map_network() -> Network:
    """Blocks with one branch and with two, batch norms, and an attention whose queries are fewer."""
    first, second = Features(6, 4), Features(8, 2)
    stages = [
        Stage(None, [ConvFfn(first, 6, expansion=2.0)]),
        Stage(
            AttentionDown(first, 8, heads=2, key_dim=2, attention_ratio=2.0),
            [AttentionFfn(second, 8, expansion=2.0, heads=2, key_dim=2)],
        ),
    ]
    return Network(ConvStem(Features(3, 16), 6), stages, PooledClassifier(second, 4))


@pytest.fixture(params=[tokens_network, map_network], ids=["tokens", "maps"])
def setting(request):
    torch.manual_seed(0)
    network = request.param().train()
    for parameter in network.parameters():  # layer scales of 1e-5 would hide what the branches do
        nn.init.normal_(parameter, std=0.5)
    side = 8 if request.param is tokens_network else 16
    return network, torch.randn(6, 3, side, side), torch.randint(4, (6,))


def score(proxy: Proxy, setting) -> float:
    network, images, labels = setting
    outcome = run_proxies(network, {"it": proxy}, images, labels)
    assert not outcome.failures, outcome.failures
    return outcome.scores["it"]


def outputs_of(network, images, names, *, inputs=()):
    """What the named modules give in a pass, or get if named in ``inputs``."""
    seen = {}
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name in names:
            modules[name].register_forward_hook(lambda m, i, o, name=name: seen.update({name: o}))
        for name in inputs:
            modules[name].register_forward_hook(lambda m, i, o, name=name: seen.update({name: i[0]}))
        network(images)
    return seen


def rows_of(features) -> list[np.ndarray]:
    """The tokens of each image as rows: (B) of (N, C)."""
    x = features.double()
    return [i.flatten(1).T.numpy() if i.ndim == 3 else i.numpy() for i in x]


def least_entropy(features) -> float:
    total = 0.0
    for image in rows_of(features):
        entropies = []
        for token in image:
            powers = [math.exp(value) for value in token]
            entropies.append(-sum(p / sum(powers) * math.log(p / sum(powers)) for p in powers))
        total += min(entropies) * len(entropies)
    return total / len(features)


def test_feature_entropy_of_tokens():
    torch.manual_seed(0)
    network, images = tokens_network(), torch.randn(6, 3, 8, 8)
    expected = 0.0
    for k in (0, 1):
        block = f"stages.0.blocks.{k}"
        names = [f"{block}.attention.{name}" for name in ("q", "k", "v", "proj")]
        seen = outputs_of(copy.deepcopy(network), images, [*names, f"{block}.mlp.fc1", f"{block}.mlp.fc2"])
        q, keys, v, *others = seen.values()
        expected += least_entropy(torch.cat((q, keys, v), dim=-1)) + sum(map(least_entropy, others))
    found = score(FeatureEntropy(), (network, images, torch.randint(4, (6,))))
    assert found == pytest.approx(expected, rel=1e-5)


def test_feature_entropy_of_maps_counts_convolutions_before_their_norm():
    torch.manual_seed(0)
    network, images = map_network().train(), torch.randn(6, 3, 16, 16)
    down, attention = "stages.1.down.attention", "stages.1.blocks.0.attention"
    joined = [f"{attention}.{name}.conv" for name in ("q", "k", "v")]
    keys = [f"{down}.{name}.conv" for name in ("k", "v")]
    alone = [f"{down}.q.conv", f"{down}.proj.conv", f"{attention}.proj.conv"]
    alone += [f"stages.{s}.blocks.0.mlp.{fc}" for s in (0, 1) for fc in ("fc1", "fc2")]
    seen = outputs_of(copy.deepcopy(network), images, [*joined, *keys, *alone])
    expected = sum(least_entropy(seen[name]) for name in alone)
    for group in (joined, keys):
        expected += least_entropy(torch.cat([seen[name] for name in group], dim=1))
    found = score(FeatureEntropy(), (network, images, torch.randint(4, (6,))))
    assert found == pytest.approx(expected, rel=1e-5)


RESIDUALS = {  # modules whose output, and whose input, is a residual feature
    True: (["stages.0.blocks.0", "stages.0.blocks.1"], [f"stages.0.blocks.{k}.norm2" for k in (0, 1)]),
    False: (["stages.0.blocks.0", "stages.1.blocks.0"], ["stages.1.blocks.0.mlp"]),
}


def test_expressivity(setting):
    network, images, _ = setting
    outputs, inputs = RESIDUALS[isinstance(network.stem, PatchEmbed)]
    features = outputs_of(copy.deepcopy(network), images, outputs, inputs=inputs)
    assert len(features) == len(outputs) + len(inputs)
    expected = 0.0
    for feature in features.values():
        values = np.linalg.eigvals(np.cov(np.concatenate(rows_of(feature)).T)).real
        shares = [max(value, 0) / values.sum() for value in values]
        expected -= sum(p * math.log(p) for p in shares if p > 0)
    assert score(Expressivity(), setting) == pytest.approx(expected, rel=1e-4)


def test_expressivity_with_fewer_rows_than_channels():
    torch.manual_seed(0)
    network, images = tokens_network(), torch.randn(1, 3, 8, 8)
    features = outputs_of(copy.deepcopy(network), images, *[RESIDUALS[True][0]], inputs=RESIDUALS[True][1])
    expected = 0.0
    for feature in features.values():
        values = np.linalg.eigvalsh(np.cov(rows_of(feature)[0].T))
        expected -= sum(p * math.log(p) for p in values / values.sum() if p > 1e-9)
    found = score(Expressivity(), (network, images, torch.randint(4, (1,))))
    assert found == pytest.approx(expected, rel=1e-4)


def test_swap(setting):
    network, images, _ = setting
    activations = [n for n, m in network.named_modules() if isinstance(m, nn.GELU)]
    patterns = set()
    for feature in outputs_of(copy.deepcopy(network), images, activations).values():
        for unit in feature.flatten(1).T:  # after the activation: its sign is that of its input
            patterns.add(tuple(bool(value > 0) for value in unit))
    assert score(Swap(), setting) == len(patterns) <= 2 ** len(images)


def test_swap_of_more_images_than_a_number_has_bits():
    torch.manual_seed(0)
    network, images = tokens_network(), torch.randn(70, 3, 8, 8)
    activations = [n for n, m in network.named_modules() if isinstance(m, nn.GELU)]
    features = outputs_of(copy.deepcopy(network), images, activations).values()
    patterns = {tuple((unit > 0).tolist()) for feature in features for unit in feature.flatten(1).T}
    assert score(Swap(), (network, images, torch.randint(4, (70,)))) == len(patterns)


def test_meco_with_all_rows(setting):
    """With at least as many rows as any output has, nothing is random."""

    class Whole(Meco):
        rows = 100

    network, images, _ = setting
    seen = []
    watched = copy.deepcopy(network)
    for module in watched.modules():  # every call counts: a block calls its stochastic depth twice
        module.register_forward_hook(lambda m, i, o: seen.append(o))
    with torch.no_grad():
        watched(images)
    expected = 0.0
    for feature in seen:
        if not isinstance(feature, torch.Tensor) or feature.ndim < 3:
            continue
        rows = feature[0].flatten(1).double().numpy()
        matrix = np.zeros((len(rows), len(rows)))
        for i, one in enumerate(rows - rows.mean(axis=1, keepdims=True)):
            for j, two in enumerate(rows - rows.mean(axis=1, keepdims=True)):
                sizes = math.sqrt((one @ one) * (two @ two))
                matrix[i, j] = one @ two / sizes if sizes > 0 else 0.0
        expected += min(np.linalg.eigvals(matrix).real)
    assert score(Whole(), setting) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_meco_draws_rows_and_weighs_them():
    """Uncorrelated rows have the least eigenvalue 1: (rows / 8) whichever are drawn."""

    class Rows(nn.Module):
        def forward(self, x):
            waves = torch.arange(64) * 2 * math.pi / 64
            return torch.stack([torch.cos(k * waves) for k in range(1, 21)]).expand(len(x), 20, 64)

    network = nn.Sequential(Rows(), nn.Flatten(), nn.Linear(1280, 4))
    labels = torch.randint(4, (2,))
    assert score(Meco(), (network, torch.randn(2, 3, 8, 8), labels)) == pytest.approx(20 / 8, rel=1e-5)


def test_meco_is_repeatable_and_takes_no_random_number_from_others(setting):
    torch.manual_seed(5)
    first, following = score(Meco(), setting), torch.rand(1)
    torch.manual_seed(5)
    assert torch.rand(1) == following
    assert score(Meco(), setting) == first


def test_parts_of_the_batch_change_nothing():
    """Beside ZiCo the batch is split; without batch normalisation the others must not notice."""
    torch.manual_seed(0)
    network, images, labels = tokens_network(), torch.randn(6, 3, 8, 8), torch.randint(4, (6,))
    alone = {name: score(proxy(), (network, images, labels)) for name, proxy in NEW.items()}
    together = {**{name: proxy() for name, proxy in NEW.items()}, "zico": Zico()}
    scores = run_proxies(network, together, images, labels).scores
    for name, value in alone.items():
        assert scores[name] == pytest.approx(value, rel=1e-5)


def test_what_is_not_finite_is_a_failure_of_each_proxy(setting):
    network, images, labels = setting
    with torch.no_grad():
        dict(network.named_modules())["stages.0.blocks.0.mlp.fc1"].weight.fill_(torch.inf)
    outcome = run_proxies(network, {name: proxy() for name, proxy in NEW.items()}, images, labels)
    assert not outcome.scores
    assert set(outcome.failures) == set(NEW)
    assert "not finite" in outcome.failures["expressivity"]
    assert not any("forward pass" in reason for reason in outcome.failures.values())


def test_a_network_without_what_a_proxy_looks_at():
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    proxies = {**{name: proxy() for name, proxy in NEW.items()}, "token": TokenEntropy()}
    outcome = run_proxies(network, proxies, torch.randn(2, 3, 4, 4), torch.randint(4, (2,)))
    reasons = {
        "entropy": "fc1",
        "token": "fc1",
        "expressivity": "stages",
        "swap": "activation",
        "meco": "rows",
    }
    assert set(outcome.failures) == set(reasons)
    for name, word in reasons.items():
        assert word in outcome.failures[name]
