"""What every proxy must hold."""

from __future__ import annotations

import copy
import functools
import gc
import json
import math
import typing
from collections.abc import Collection, Mapping
from typing import Any

import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import Measurement, measure
from vitnas.quality.proxies._base import Needs, Proxy
from vitnas.quality.proxies._passes import run_proxies
from vitnas.quality.proxy import load_proxy
from vitnas.testing._contract import Contract

SETTINGS: Mapping[str, Any] = {"batch": 14, "repeats": 1, "resolution_px": 32}


def _architecture(stem: dict[str, Any], stages: list[dict[str, Any]], head: str) -> Architecture:
    image = {"channels": 3, "resolution_px": 32}
    document = {"name": "tiny", "input": image, "classes": 10, "stem": stem, "stages": stages}
    return Architecture.from_dict({**document, "head": {"op": head}})


NETWORKS = {
    "a plain ViT": _architecture(
        {"op": "patch_embed", "patch_px": 8},
        [{"width": 24, "blocks": [{"op": "transformer_block", "repeat": 2, "heads": 2, "head_dim": 8}]}],
        "token_classifier",
    ),
    "a hybrid": _architecture(
        {"op": "conv_stem"},
        [
            {"width": 16, "blocks": [{"op": "conv_ffn", "repeat": 2}]},
            {"down": {"op": "conv_down"}, "width": 24, "blocks": [{"op": "attention_ffn", "key_dim": 8}]},
        ],
        "pooled_classifier",
    ),
}


class ProxyContract(Contract):
    """A proxy scores a network, or says why not, in the same way every time, and leaves no trace in it.

    Attributes:
        proxy: name or file.
        beside: other proxies that are measured with it, and must not change its score.
        networks: name -> network; the first one must have a score.
    """

    proxy: str
    beside: Collection[str] = ("naswot", "snip", "synflow")
    networks: Mapping[str, Architecture] = NETWORKS

    def measured(self, network: str, seed: int = 3, *, alone: bool = False) -> Measurement:
        """What it says of a network, with the other proxies or alone."""
        names = sorted({self.proxy} if alone else {*self.beside, self.proxy})
        document = json.dumps(self.networks[network].to_dict(), default=list)
        return _measured(document, tuple((name, load_proxy(name)) for name in names), seed)

    def test_can_be_loaded(self) -> None:
        """Its file defines a `vitnas.quality.proxies.Proxy` with the method that its ``needs`` ask for."""
        load_proxy(self.proxy)

    def test_says_what_it_is(self) -> None:
        """The list prints the first line of its docstring; the rest is its definition and source."""
        proxy = load_proxy(self.proxy)
        assert proxy.needs in typing.get_args(Needs), f"it needs '{proxy.needs}'"
        assert isinstance(proxy.higher_is_better, bool), "higher_is_better is neither True nor False"
        assert proxy.__doc__, "its class has no docstring"
        assert len(proxy.__doc__.splitlines()) > 1, "its docstring lacks the definition and its source"

    def test_scores_a_network_or_says_why_not(self) -> None:
        """The first network has a finite score, the others may fail."""
        for number, network in enumerate(self.networks):
            found = self.measured(network)
            assert (self.proxy in found.scores) != (self.proxy in found.failures)
            assert number or self.proxy in found.scores, f"on {network}: {found.failures[self.proxy]}"

    def test_scores_do_not_depend_on_other_proxies_and_repeat(self) -> None:
        """A score is a property of network and seed."""
        for network in self.networks:
            found, alone = self.measured(network), self.measured(network, alone=True)
            assert found.failures.get(self.proxy) == alone.failures.get(self.proxy)
            one, other = (m.scores.get(self.proxy, math.nan) for m in (found, alone))
            same = math.isclose(one, other, rel_tol=1e-5) or (math.isnan(one) and math.isnan(other))
            assert same, f"on {network} it is {one} beside other proxies and {other} alone"

    def test_seeds_draw_anew(self) -> None:
        """Another seed has other weights, images and labels."""
        for network in self.networks:
            score = self.measured(network).scores.get(self.proxy)
            other = self.measured(network, 4).scores.get(self.proxy)
            assert score is None or score != other, f"on {network} it is {score} with another seed too"

    def test_the_network_is_left_as_it_was(self) -> None:
        """Weights, buffers, gradients, hooks and mode."""
        for name, architecture in self.networks.items():
            torch.manual_seed(0)
            network = build(architecture)
            before = copy.deepcopy(network.state_dict())
            hooks = [(m, len(m._forward_hooks) + len(m._forward_pre_hooks)) for m in network.modules()]
            proxies = {self.proxy: load_proxy(self.proxy)()}
            run_proxies(network, proxies, torch.randn(6, 3, 32, 32), torch.randint(10, (6,)))
            for key, value in network.state_dict().items():
                same = value.dtype == before[key].dtype and torch.equal(value, before[key])
                assert same, f"on {name}: '{key}' was changed"
            for key, p in network.named_parameters():
                assert p.grad is None and p.requires_grad, f"on {name}: '{key}' has a gradient, or takes none"
            assert all(m.training for m in network.modules()), f"on {name}: the network is in eval mode"
            left = [m for m, count in hooks if len(m._forward_hooks) + len(m._forward_pre_hooks) != count]
            assert not left, f"on {name}: hooks were left on {type(left[0]).__name__}"

    def test_no_tensor_is_left_behind(self) -> None:
        """Memory does not grow with the networks of a search."""
        for name, architecture in self.networks.items():
            measure(architecture, [self.proxy], seed=3, **SETTINGS)  # what is kept for good
            before = _tensors()
            measure(architecture, [self.proxy], seed=3, **SETTINGS)
            assert _tensors() <= before, f"on {name}: tensors are kept"


@functools.lru_cache(maxsize=16)
def _measured(document: str, proxies: tuple[tuple[str, type[Proxy]], ...], seed: int) -> Measurement:
    architecture = Architecture.from_dict(json.loads(document))
    return measure(architecture, [name for name, _ in proxies], seed=seed, **SETTINGS)


def _tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
