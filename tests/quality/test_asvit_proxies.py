"""As-ViT's two proxies against naive versions of their definitions, on tiny networks."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.errors import InvalidInput
from vitnas.quality.proxies._attention import EarlyAttention
from vitnas.quality.proxies._passes import run_proxies
from vitnas.quality.proxies.length_distortion import LengthDistortion, forward_derivative
from vitnas.quality.proxies.ntk_condition import NtkCondition, tangent_kernel
from vitnas.space.files import load_architecture


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def tiny(width: int = 8) -> Network:
    """As-ViT's seed at 32 px, float64."""
    seed = load_architecture("asvit:seed")
    stages = [dataclasses.replace(stage, width=width * 2**k) for k, stage in enumerate(seed.stages)]
    small = dataclasses.replace(seed, stages=tuple(stages), resolution_px=32, classes=5)
    return build(small).double().train()


def images(count: int = 5, side_px: int = 32) -> Tensor:
    return torch.randn(count, 3, side_px, side_px, dtype=torch.float64)


class Mixed(nn.Module):
    """What As-ViT has not: a map, batch and group norm, a layer used twice, and torch's own attention."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.GELU())
        self.depthwise, self.group = nn.Conv2d(8, 8, 3, groups=8, padding=1), nn.GroupNorm(2, 8)
        self.shared, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.group(x + self.depthwise(x)).flatten(2).transpose(1, 2)
        x = self.norm(x + self.shared(self.norm(x)))
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return x + self.shared(torch.tanh(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.forward_features(x).mean(dim=1))


def kernel_by_loop(network: nn.Module, batch: Tensor) -> Tensor:
    """One backward pass for every image, as in the authors' code."""
    rows = []
    for image in network.forward_features(batch).mean(dim=1):
        network.zero_grad()
        image.sum().backward(retain_graph=True)
        named = [
            p.grad.flatten() for n, p in network.named_parameters() if "weight" in n and p.grad is not None
        ]
        rows.append(torch.cat(named))
    stacked = torch.stack(rows)
    return stacked @ stacked.T


def test_the_kernel_is_that_of_a_loop_over_images() -> None:
    network, batch = tiny(), images()
    expected = kernel_by_loop(network, batch)
    assert torch.allclose(tangent_kernel(network, batch), expected, rtol=1e-3)  # small logits in first order
    exact = tangent_kernel(network, batch, small=-1.0)
    assert torch.allclose(exact, expected, rtol=1e-10)


def test_the_kernel_of_other_layers() -> None:
    network, batch = Mixed().double(), images()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    found = tangent_kernel(network, batch)
    # the batch's statistics, as constants
    network.stem[1].momentum = 1.0
    network.forward_features(batch)
    assert torch.allclose(found, kernel_by_loop(network.eval(), batch), rtol=1e-10)


def test_the_condition_number() -> None:
    network, batch = tiny(), images()
    values = torch.linalg.eigvalsh(kernel_by_loop(network, batch))
    expected = math.log(float(values[-1] / values[0]))
    assert NtkCondition().measure(network, batch) == pytest.approx(expected, rel=1e-4)


def test_a_singular_kernel_is_a_failure_with_its_reason() -> None:
    network, batch = tiny(), images(2)
    twice = torch.cat((batch, batch))
    outcome = run_proxies(network, {"ntk_condition": NtkCondition()}, twice, torch.zeros(4, dtype=torch.long))
    assert "the kernel is singular: its eigenvalues run from" in outcome.failures["ntk_condition"]
    twice[0] = torch.nan
    outcome = run_proxies(network, {"ntk_condition": NtkCondition()}, twice, torch.zeros(4, dtype=torch.long))
    assert set(outcome.failures) == {"ntk_condition"}


def circle(t: Tensor, plane: Tensor) -> Tensor:
    return (plane @ torch.stack((t.cos(), t.sin()))).T.reshape(-1, 3, 32, 32)


def identities(network: nn.Module) -> nn.Module:
    """Norms replaced, as in the authors' code."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.LayerNorm | nn.BatchNorm2d | nn.GroupNorm):
                setattr(parent, name, nn.Identity())
    return network


@pytest.mark.parametrize("make", [tiny, lambda: Mixed().double()])
def test_length_distortion_is_that_of_a_backward_pass_for_every_coordinate(make) -> None:
    network = make()
    torch.manual_seed(7)
    found = LengthDistortion().measure(network, images())
    torch.manual_seed(7)
    images()  # drawn before the circle
    plane = torch.linalg.svd(torch.randn(3 * 32 * 32, 2, dtype=torch.float64), full_matrices=False)[0]
    identities(network)
    t = torch.linspace(0, 2 * math.pi, 10, dtype=torch.float64, requires_grad=True)
    features = network.forward_features(circle(t, plane)).mean(dim=1)  # (10, C)
    columns = [torch.autograd.grad(c.sum(), t, retain_graph=True)[0] for c in features.unbind(dim=1)]
    assert found == pytest.approx(float(torch.stack(columns, dim=1).norm(dim=1).sum()), rel=1e-7)

    with torch.no_grad():
        ahead, back = (
            network.forward_features(circle(t + step, plane)).mean(dim=1) for step in (1e-4, -1e-4)
        )
    assert found == pytest.approx(float((ahead - back).norm(dim=1).sum() / 2e-4), rel=1e-5)


@pytest.mark.parametrize("proxy", [NtkCondition, LengthDistortion])
@pytest.mark.parametrize("make", [tiny, lambda: Mixed().double()])
def test_the_network_is_left_as_it_was(proxy, make) -> None:
    network, batch = make(), images()
    network(batch)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    output = network(batch)
    network.load_state_dict(before)
    proxy().measure(network, batch)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    for module in network.modules():
        assert module.training and "forward" not in vars(module)
        assert not module._forward_hooks and not module._forward_pre_hooks
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(network(batch), output)


@pytest.mark.parametrize("proxy", [NtkCondition, LengthDistortion])
def test_the_network_is_left_as_it_was_after_an_error(proxy) -> None:
    network = tiny()
    with pytest.raises(InvalidInput, match="resize them"):
        proxy().measure(network, images(side_px=36))
    for module in network.modules():
        assert module.training and "forward" not in vars(module) and not module._forward_hooks


@pytest.mark.parametrize("proxy", [NtkCondition, LengthDistortion])
def test_a_network_whose_features_are_unknown(proxy) -> None:
    with pytest.raises(ValueError, match="no forward_features"):
        proxy().measure(nn.Linear(3, 3), images())


@pytest.mark.parametrize("name", ["efficientformer:s0", "efficientformer_v1:l1", "vit:deit_tiny"])
def test_other_spaces(name: str) -> None:
    network = build(dataclasses.replace(load_architecture(name), resolution_px=64))
    proxies = {"ntk_condition": NtkCondition(), "length_distortion": LengthDistortion()}
    outcome = run_proxies(network, proxies, torch.randn(4, 3, 64, 64), torch.zeros(4, dtype=torch.long))
    assert not outcome.failures and all(math.isfinite(v) for v in outcome.scores.values())


def test_the_defaults_are_the_authors() -> None:
    assert (NtkCondition.batch, NtkCondition.repeats, NtkCondition.resolution_px) == (16, 5, 224)
    assert LengthDistortion.repeats == 5 and LengthDistortion.resolution_px == 224
    assert LengthDistortion.higher_is_better and not NtkCondition.higher_is_better


def textbook(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1) @ v


def drawn(size: float) -> list[Tensor]:
    return [torch.randn(2, 3, n, d).double() * s for n, d, s in ((40, 4, size), (50, 4, size), (50, 6, 1.0))]


@pytest.mark.parametrize("block", [1 << 18, 6000, 300])
@pytest.mark.parametrize("forward_mode", [False, True])
def test_attention_with_large_logits_is_the_textbooks(block: int, forward_mode: bool) -> None:
    q, k, v = drawn(1.0)
    with EarlyAttention(forward_mode=forward_mode, block=block):
        found = F.scaled_dot_product_attention(q, k, v)
    assert torch.allclose(found, textbook(q, k, v), rtol=1e-10)


@pytest.mark.parametrize(("size", "error"), [(0.01, 1e-7), (0.1, 1e-3)])
def test_attention_with_small_logits_is_nearly_the_textbooks(size: float, error: float) -> None:
    q, k, v = drawn(size)
    k = k + torch.randn(4)  # what is added to all keys has no part in it
    with EarlyAttention(forward_mode=False):
        found = F.scaled_dot_product_attention(q, k, v)
    expected = textbook(q, k, v)
    assert not torch.equal(found, expected)
    assert float((found - expected).norm() / expected.norm()) < error


def test_calls_with_options_are_left_alone() -> None:
    q, k, v = drawn(0.01)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    with EarlyAttention(forward_mode=False):
        assert torch.equal(F.scaled_dot_product_attention(q, k, v, is_causal=True), expected)


@pytest.mark.parametrize("size", [0.01, 1.0])
def test_the_forward_derivative_of_attention(size: float) -> None:
    q, k, v = drawn(size)

    def function(x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q * x, k + x, v * x).sum()

    x, tangent = torch.ones(4, dtype=torch.float64)[:1], torch.full((1,), 2.0, dtype=torch.float64)
    found = forward_derivative(function, x, tangent)
    slope = (function(x + 1e-5) - function(x - 1e-5)) / 1e-5
    assert float(found) == pytest.approx(float(slope), rel=1e-4)


def test_features_that_do_not_depend_on_the_image() -> None:
    with pytest.raises(ValueError, match="do not depend on the image"):
        forward_derivative(lambda x: torch.ones(3), images(), images())
