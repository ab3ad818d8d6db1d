"""Proxies of the network without signs, against their definitions written out on a tiny network."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from vitnas.quality.proxies._passes import run_proxies
from vitnas.quality.proxies.auto_prox import AutoProx
from vitnas.quality.proxies.dss import Dss, nuclear_norm, nuclear_norm_of_product
from vitnas.quality.proxies.synflow import Synflow


class Attention(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, inner) for _ in range(3))
        self.proj = nn.Linear(inner, width)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).mT
        return self.proj(scores.softmax(dim=-1) @ self.v(x))


class Fused(nn.Module):
    """The same with q, k and v in one layer."""

    def __init__(self, separate: Attention) -> None:
        super().__init__()
        layers = (separate.q, separate.k, separate.v)
        self.qkv = nn.Linear(layers[0].in_features, 3 * layers[0].out_features)
        with torch.no_grad():
            self.qkv.weight.copy_(torch.cat([layer.weight for layer in layers]))
            self.qkv.bias.copy_(torch.cat([layer.bias for layer in layers]))
        self.proj = separate.proj

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.proj((q @ k.mT).softmax(dim=-1) @ v)


class Raised(nn.Module):
    def forward(self, x):
        return torch.cat((x, x.sin()), dim=-1)


class Lowered(nn.Module):
    def forward(self, x):
        return x[..., :6]


class Vit(nn.Module):
    """A patch embedding, an attention, an MLP of 1x1 convolutions around a depthwise one, two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 6, 2, stride=2)  # of the patches: no attention
        self.position = nn.Parameter(torch.randn(4, 6))
        self.norm = nn.LayerNorm(6)
        self.attention: nn.Module = Attention(6, 4)
        self.fc1, self.local, self.fc2 = (
            nn.Conv2d(6, 8, 1),
            nn.Conv2d(8, 8, 3, padding=1, groups=8),
            nn.Conv2d(8, 6, 1),
        )
        self.head, self.head_distilled = nn.Linear(6, 5), nn.Linear(6, 5)

    def forward(self, x):
        x = self.proj(x).flatten(2).mT + self.position
        x = x + self.attention(self.norm(x))
        y = torch.tanh(self.local(torch.tanh(self.fc1(x.mT.unflatten(2, (2, 2))))))
        x = (x + self.fc2(y).flatten(2).mT).mean(dim=1)
        return self.head(x), self.head_distilled(x)


ATTENTION = ("attention.q", "attention.k", "attention.v", "attention.proj")
OTHERS = ("fc1", "fc2", "head", "head_distilled")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Vit()


def by_hand(network):
    """Weights and gradients by layer: no sign, float64, an all-ones image, both heads' logits summed."""
    values = {name: value.double().abs() for name, value in network.state_dict().items()}
    again = Vit().double()
    again.load_state_dict(values)
    one, two = again(torch.ones(1, 3, 4, 4, dtype=torch.float64))
    (one.sum() + two.sum()).backward()
    layers = {n: m for n, m in again.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    return {
        n: (layer.weight.detach().flatten(1), layer.weight.grad.flatten(1)) for n, layer in layers.items()
    }


def score(proxy, network):
    images, labels = torch.randn(2, 3, 4, 4), torch.tensor([0, 1])
    outcome = run_proxies(network, {"it": proxy}, images, labels)
    assert not outcome.failures
    return outcome.scores["it"]


def test_dss(network):
    found = by_hand(network)
    stacked = [torch.cat([found[name][part] for name in ATTENTION[:3]]) for part in (0, 1)]
    expected = 0.0
    for weight, gradient in (stacked, found["attention.proj"]):
        norms = [float(torch.linalg.matrix_norm(matrix, "nuc")) for matrix in (weight, gradient)]
        expected += norms[0] * norms[1]
    for name in OTHERS:
        weight, gradient = found[name]
        expected += float((weight * gradient).abs().sum())
    assert score(Dss(), network) == pytest.approx(math.log(expected), rel=1e-9)


def test_separate_projections_score_like_the_fused_one(network):
    """The published networks have one layer for q, k and v."""
    separate = [score(proxy(), network) for proxy in (Dss, AutoProx, Synflow)]
    network.attention = Fused(network.attention)
    assert [score(proxy(), network) for proxy in (Dss, AutoProx, Synflow)] == pytest.approx(separate)


def test_auto_prox(network):
    found = by_hand(network)
    expected = sum(float(found[name][1].abs().sum()) for name in ATTENTION)
    for name in OTHERS:
        gradient = found[name][1]
        expected += float((1 / (1 + torch.exp(-gradient))).sum() / gradient.numel())
    assert score(AutoProx(), network) == pytest.approx(math.log(expected), rel=1e-9)


def test_synflow(network):
    found = by_hand(network)
    assert set(found) == {"proj", "local", *ATTENTION, *OTHERS}
    expected = sum(float((weight * gradient).abs().sum()) for weight, gradient in found.values())
    assert score(Synflow(), network) == pytest.approx(math.log(expected), rel=1e-9)


def test_signs_do_not_matter(network):
    before = [score(proxy(), network) for proxy in (Dss, AutoProx, Synflow)]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.neg_()
    assert [score(proxy(), network) for proxy in (Dss, AutoProx, Synflow)] == before


@pytest.mark.parametrize("shape", [(30, 10), (10, 30), (12, 12)])
@pytest.mark.parametrize("rank", [3, 10])
def test_nuclear_norm(shape, rank):
    torch.manual_seed(1)
    matrix = torch.randn(shape[0], rank).double() @ torch.randn(rank, shape[1]).double()
    assert nuclear_norm(matrix) == pytest.approx(float(torch.linalg.matrix_norm(matrix, "nuc")), rel=1e-9)


def test_nuclear_norm_of_a_product():
    torch.manual_seed(1)
    left, right = torch.randn(4, 30).double(), torch.randn(4, 12).double()
    right[3] = right[2]  # fewer directions than rows
    expected = float(torch.linalg.matrix_norm(left.mT @ right, "nuc"))
    assert nuclear_norm_of_product(left, right) == pytest.approx(expected, rel=1e-9)


def test_dss_of_few_tokens(network, monkeypatch):
    """With few tokens not the gradients are looked at, but what they are products of."""
    torch.manual_seed(2)
    wide = copy.deepcopy(network)
    wide.attention = nn.Sequential(Raised(), Attention(12, 16), Lowered())
    found = score(Dss(), wide)
    monkeypatch.setattr(Dss, "_factors", lambda self, names: None)
    assert score(Dss(), wide) == pytest.approx(found, rel=1e-9)


def test_a_network_without_linear_layers():
    network = nn.Sequential(nn.Conv2d(3, 4, 4), nn.Flatten())
    images, labels = torch.randn(2, 3, 4, 4), torch.tensor([0, 1])
    outcome = run_proxies(network, {"dss": Dss(), "synflow": Synflow()}, images, labels)
    assert "no linear layer" in outcome.failures["dss"] and set(outcome.scores) == {"synflow"}
