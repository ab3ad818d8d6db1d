"""Every proxy against its definition, written out naively on a tiny network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vitnas.quality.proxies._passes import loss_of, run_proxies
from vitnas.quality.proxies.gradient_norm import GradientNorm
from vitnas.quality.proxies.naswot import Naswot
from vitnas.quality.proxies.snip import Snip
from vitnas.quality.proxies.token_entropy import TokenEntropy
from vitnas.quality.proxies.zico import Zico


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Tiny(nn.Module):
    """A convolutional MLP on a map, then one on tokens; two heads in training."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 5, 1)
        self.block = Mlp(5, 7)
        self.heads = nn.ModuleList([nn.Linear(5, 4), nn.Linear(5, 4)])

    def forward(self, x):
        x = self.fc2(self.act(self.fc1(x))).flatten(2).transpose(1, 2)
        x = (x + self.block(x)).mean(dim=1)
        return tuple(head(x) for head in self.heads)


@pytest.fixture
def setting():
    torch.manual_seed(0)
    return Tiny(), torch.randn(6, 3, 4, 4), torch.randint(4, (6,))


def score(name, proxy, setting):
    outcome = run_proxies(setting[0], {name: proxy}, *setting[1:])
    assert not outcome.failures
    return outcome.scores[name]


def test_token_entropy(setting):
    network, images, _ = setting
    features = [network.fc1(images).flatten(2).transpose(1, 2)]
    x = network.fc2(network.act(network.fc1(images))).flatten(2).transpose(1, 2)
    features.append(network.block.fc1(x))
    expected = 0.0
    for block in features:
        for image in block:
            rows = []
            for token in image.detach().softmax(dim=-1):
                rows.append(-sum(float(p) * math.log(float(p)) for p in token))
            expected += min(rows) * len(rows) / len(images)
    assert score("token_entropy", TokenEntropy(), setting) == pytest.approx(expected, rel=1e-5)


def test_naswot(setting):
    network, images, _ = setting
    x = network.fc1(images)
    tokens = network.fc2(network.act(x)).flatten(2).transpose(1, 2)
    codes = torch.cat([x.flatten(1), network.block.fc1(tokens).flatten(1)], dim=1) > 0
    kernel = np.array([[int((a == b).sum()) for b in codes] for a in codes], dtype=float)
    expected = np.log(abs(np.linalg.det(kernel)))
    assert score("naswot", Naswot(), setting) == pytest.approx(expected, rel=1e-9)


def gradients(network, images, labels):
    network.zero_grad()
    loss_of(network(images), labels).backward()
    layers = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    return {name: (layer.weight.detach(), layer.weight.grad.clone()) for name, layer in layers.items()}


def test_gradient_norm_and_snip(setting):
    found = gradients(*setting).values()
    norm = math.log(sum(float((g**2).sum().sqrt()) for _, g in found))
    snip = math.log(sum(float((w * g).abs().sum()) for w, g in found))
    assert score("gradient_norm", GradientNorm(), setting) == pytest.approx(norm, rel=1e-5)
    assert score("snip", Snip(), setting) == pytest.approx(snip, rel=1e-5)


@pytest.mark.parametrize("parts", [2, 3])
def test_zico(setting, parts):
    class Parted(Zico):
        passes = parts

    network, images, labels = setting
    size = 6 // parts
    batches = [gradients(network, images[k : k + size], labels[k : k + size]) for k in range(0, 6, size)]
    expected = 0.0
    for name in batches[0]:
        stack = np.stack([batch[name][1].numpy().ravel() for batch in batches]).astype(float)
        spread = stack.std(axis=0)
        kept = spread > 0
        expected += math.log((np.abs(stack).mean(axis=0)[kept] / spread[kept]).sum())
    assert score("zico", Parted(), setting) == pytest.approx(expected, rel=1e-4)


def test_parts_of_the_batch_do_not_change_what_is_no_statistic_of_parts(setting):
    """Beside ZiCo the batch is split; without batch normalisation the others must not notice."""
    alone = {
        n: score(n, c(), setting) for n, c in (("naswot", Naswot), ("snip", Snip), ("token", TokenEntropy))
    }
    proxies = {"naswot": Naswot(), "snip": Snip(), "token": TokenEntropy(), "zico": Zico()}
    together = run_proxies(setting[0], proxies, *setting[1:]).scores
    for name, value in alone.items():
        assert together[name] == pytest.approx(value, rel=1e-5)


def test_one_forward_and_one_backward_pass_serve_all(setting):
    network, images, labels = setting
    calls = {"forward": 0, "backward": 0}
    network.block.register_forward_hook(lambda *_: calls.update(forward=calls["forward"] + 1))
    network.block.register_full_backward_hook(lambda *_: calls.update(backward=calls["backward"] + 1))
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())
    proxies = {"a": TokenEntropy(), "b": Naswot(), "c": GradientNorm(), "d": Snip()}
    assert len(run_proxies(network, proxies, images, labels).scores) == 4
    assert calls == {"forward": 1, "backward": 1}
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()) == hooks
    run_proxies(network, {"a": TokenEntropy()}, images, labels)
    assert calls == {"forward": 2, "backward": 1}


def test_what_is_not_finite_is_recorded_with_its_reason(setting):
    network, images, labels = setting
    with torch.no_grad():
        network.fc1.weight[0, 0] = torch.nan
    proxies = {
        "token": TokenEntropy(),
        "norm": GradientNorm(),
        "naswot": Naswot(),
        "snip": Snip(),
        "zico": Zico(),
    }
    outcome = run_proxies(network, proxies, images, labels)
    assert outcome.failures["token"] == "the score is nan"
    assert "nan" in outcome.failures["norm"]
    assert set(outcome.scores) | set(outcome.failures) == set(proxies)
    assert all(math.isfinite(v) for v in outcome.scores.values())


def test_images_with_one_code_are_a_failure_not_a_score(setting):
    network, images, labels = setting
    outcome = run_proxies(network, {"naswot": Naswot()}, images[:1].expand(4, -1, -1, -1), labels[:4])
    assert "same code" in outcome.failures["naswot"]


def test_a_network_without_what_a_proxy_looks_at(setting):
    _, images, labels = setting
    linear = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    outcome = run_proxies(linear, {"t": TokenEntropy(), "n": Naswot(), "g": GradientNorm()}, images, labels)
    assert "fc1" in outcome.failures["t"]
    assert "activation" in outcome.failures["n"]
    assert set(outcome.scores) == {"g"}


def test_a_pass_that_fails_is_recorded_for_all(setting):
    _, images, labels = setting
    outcome = run_proxies(nn.Linear(5, 4), {"n": Naswot(), "g": GradientNorm()}, images, labels)
    assert all("forward pass failed" in why for why in outcome.failures.values())
    assert set(outcome.failures) == {"n", "g"}
