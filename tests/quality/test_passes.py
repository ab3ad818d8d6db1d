"""The passes that proxies share: per-sample gradients and the network without signs, against naive ways."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

from vitnas.quality.proxies._base import Proxy
from vitnas.quality.proxies._passes import loss_of, run_proxies


class Mixed(nn.Module):
    """Plain, strided, grouped, depthwise, reflecting convolutions, windows, a layer used twice, two heads."""

    def __init__(self, norm: type[nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = norm(8) if norm is not nn.Identity else norm()
        self.grouped = nn.Conv2d(8, 12, 3, padding="same", groups=4, bias=False)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12, padding_mode="reflect")
        self.dilated = nn.Conv2d(12, 6, (1, 3), padding=(0, 2), dilation=(1, 2))
        self.twice = nn.Linear(6, 6)
        self.unused = nn.Linear(6, 6)
        self.heads = nn.ModuleList([nn.Linear(6, 5), nn.Linear(6, 5)])
        self.bias = nn.Parameter(torch.randn(6))

    def forward(self, x):
        x = F.gelu(self.norm(self.stem(x)))
        x = self.dilated(F.gelu(self.depthwise(self.grouped(x)))) + self.bias[:, None, None]
        x = x.flatten(2).mT  # (B, N, C)
        windows = x.unflatten(1, (4, -1)).flatten(0, 1)  # (B * 4, N / 4, C): an image's windows together
        x = x + self.twice(windows).unflatten(0, (-1, 4)).flatten(1, 2)
        self.unused(x)
        x = self.twice(x.tanh()).mean(dim=1)
        return tuple(head(x) for head in self.heads)


class Keep(Proxy):
    needs = "samples"

    def __init__(self) -> None:
        self.seen: dict[str, torch.Tensor] = {}

    def see(self, layer, gradients):
        assert layer not in self.seen and not gradients.requires_grad
        self.seen[layer] = gradients

    def score(self, gradients):
        assert gradients is None
        return 1.0


class Mean(Proxy):
    needs = "backward"

    def score(self, gradients):
        self.found = gradients.mean
        return 1.0


class Synaptic(Mean):
    needs = "synaptic"

    def score(self, gradients):
        self.found, self.weights = gradients.mean, gradients.weights
        return 1.0


LAYERS = {"stem", "grouped", "depthwise", "dilated", "twice", "heads.0", "heads.1"}


@pytest.fixture
def setting():
    torch.manual_seed(0)
    return Mixed(), torch.randn(4, 3, 8, 8), torch.randint(5, (4,))


def test_gradients_of_every_image_match_one_image_at_a_time(setting):
    network, images, labels = setting
    keep = Keep()
    assert not run_proxies(network, {"keep": keep}, images, labels).failures
    assert set(keep.seen) == LAYERS
    for k in range(len(images)):
        weights = [network.get_submodule(name).weight for name in keep.seen]
        alone = torch.autograd.grad(loss_of(network(images[k : k + 1]), labels[k : k + 1]), weights)
        for (name, found), expected in zip(keep.seen.items(), alone, strict=True):
            assert found.shape == (4, *expected.shape)
            torch.testing.assert_close(found[k], expected, rtol=1e-4, atol=1e-6, msg=name)
    assert all(p.grad is None for p in network.parameters()) and not images.requires_grad


def test_gradients_of_every_image_match_vmap(setting):
    network, images, labels = setting
    keep = Keep()
    run_proxies(network, {"keep": keep}, images, labels)
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def loss(values, image, label):
        return loss_of(functional_call(network, values, (image[None],)), label[None])

    expected = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, images, labels)
    for name, found in keep.seen.items():
        torch.testing.assert_close(found, expected[f"{name}.weight"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm", [nn.Identity, nn.BatchNorm2d])
def test_an_images_part_of_the_summed_loss_adds_up(norm, setting):
    """Also where batch normalisation couples the images; one pass serves the mean gradient as well."""
    _, images, labels = setting
    network = Mixed(norm)
    keep, mean = Keep(), Mean()
    calls = []
    network.stem.register_forward_hook(lambda *_: calls.append(1))
    buffers = copy.deepcopy(dict(network.named_buffers()))
    run_proxies(network, {"keep": keep, "mean": mean}, images, labels)
    assert len(calls) == 1
    for name, found in keep.seen.items():
        torch.testing.assert_close(found.mean(dim=0), mean.found[name], rtol=1e-4, atol=1e-6)
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, buffers[name]), "running statistics stay as they were"
    alone = Mean()
    run_proxies(network, {"mean": alone}, images, labels)
    for name, found in alone.found.items():
        torch.testing.assert_close(found, mean.found[name], rtol=1e-5, atol=1e-7)


def test_rows_that_are_no_images_are_a_failure(setting):
    network = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (3, -1)), nn.Linear(256, 4), nn.Flatten(0))
    network.append(nn.Unflatten(0, (4, 3)))
    outcome = run_proxies(network, {"keep": Keep()}, setting[1], setting[2] % 3)
    assert "layer 2 gets 3 rows, no multiple of 4 images" in outcome.failures["keep"]


def test_the_network_without_signs(setting):
    _, images, labels = setting
    network = Mixed(nn.BatchNorm2d)
    network(images)  # running statistics are no longer fresh
    before = copy.deepcopy(network.state_dict())
    proxy = Synaptic()
    assert not run_proxies(network, {"s": proxy}, images, labels).failures
    for name, value in network.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])
    assert all(module.training for module in network.modules())

    by_hand = Mixed(nn.BatchNorm2d).double()
    by_hand.load_state_dict({name: value.abs() for name, value in before.items()})
    by_hand.norm.reset_running_stats()
    by_hand.norm.eval()
    one, two = by_hand(torch.ones(1, 3, 8, 8, dtype=torch.float64))
    (one.sum() + two.sum()).backward()
    assert set(proxy.found) == LAYERS
    for name, found in proxy.found.items():
        layer = by_hand.get_submodule(name)
        torch.testing.assert_close(found, layer.weight.grad)
        assert torch.equal(proxy.weights[name], layer.weight.detach())


def test_what_overflows_without_signs_is_a_failure(setting):
    _, images, labels = setting
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), *[nn.Linear(4, 4) for _ in range(12)])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(3e38)
    outcome = run_proxies(network, {"s": Synaptic()}, images, labels)
    assert (
        "synaptic pass failed: the summed logits of the network without signs are inf"
        in (outcome.failures["s"])
    )


class Rolls(Proxy):
    needs = "network"

    def measure(self, network, images):
        network.eval()
        return float(torch.rand(()))


class Trips(Keep):
    def see(self, layer, gradients):
        raise KeyError(layer)


def test_a_proxy_does_not_depend_on_the_others(setting):
    network, images, labels = setting
    torch.manual_seed(5)
    state = torch.get_rng_state()
    proxies = {"a": Rolls(), "b": Rolls(), "keep": Keep(), "trips": Trips(), "mean": Mean(), "s": Synaptic()}
    together = run_proxies(network, proxies, images, labels, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert "the backward pass failed" in together.failures.pop("trips") and not together.failures
    assert together.scores["a"] != together.scores["b"]
    for name in ("a", "b", "keep", "mean"):
        alone = run_proxies(network, {name: type(proxies[name])()}, images, labels, seed=3)
        assert alone.scores[name] == together.scores[name]
    assert set(together.seconds) == set(proxies) and min(together.seconds.values()) > 0
    assert network.training
