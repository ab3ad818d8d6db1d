from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture

Trained = Callable[[Architecture], Network]

# The published networks' structure, as small as it gets.
SMALL_V2 = {
    "name": "small_v2",
    "input": {"channels": 3, "resolution_px": 64},
    "classes": 7,
    "stem": {"op": "conv_stem", "activation": "gelu"},
    "stages": [
        {"width": 8, "blocks": [{"op": "conv_ffn", "expansion": 2}]},
        {"down": {"op": "conv_down"}, "width": 12, "blocks": [{"op": "conv_ffn", "expansion": 2.5}]},
        {
            "down": {"op": "conv_down"},
            "width": 16,
            "blocks": [
                {"op": "conv_ffn", "repeat": 2, "expansion": [2, 3]},
                {"op": "attention_ffn", "expansion": 3, "stride": 2},
            ],
        },
        {
            "down": {"op": "attention_down"},
            "width": 24,
            "blocks": [{"op": "conv_ffn", "expansion": 3}, {"op": "attention_ffn", "expansion": 4}],
        },
    ],
    "head": {"op": "pooled_classifier", "distilled": True, "norm": "batch"},
}
SMALL_V1 = {
    "name": "small_v1",
    "input": {"channels": 3, "resolution_px": 224},
    "classes": 7,
    "stem": {"op": "conv_stem", "activation": "relu"},
    "stages": [
        {"width": 8, "blocks": [{"op": "pool_mixer", "expansion": 2}]},
        {"down": {"op": "conv_down"}, "width": 12, "blocks": [{"op": "pool_mixer", "expansion": 2}]},
        {"down": {"op": "conv_down"}, "width": 16, "blocks": [{"op": "pool_mixer", "expansion": 2}]},
        {
            "down": {"op": "conv_down"},
            "width": 24,
            "blocks": [{"op": "pool_mixer", "expansion": 2}, {"op": "attention_mlp", "expansion": 2}],
        },
    ],
    "head": {"op": "pooled_classifier", "distilled": True, "norm": "layer"},
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks are faster so, and other tests may run beside them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def simple() -> nn.Module:
    """No network of ours, but as quick to export as it gets: 7 classes."""
    return nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7))


@pytest.fixture
def small_v2() -> Architecture:
    return Architecture.from_dict(SMALL_V2)


@pytest.fixture
def small_v1() -> Architecture:
    return Architecture.from_dict(SMALL_V1)


@pytest.fixture(params=["v2 at 64 px", "v2 at 224 px", "v1 at 224 px", "v1 at 96 px"])
def small(request: pytest.FixtureRequest) -> Architecture:
    """Both families, each at two resolutions."""
    family, _, side, _ = request.param.split()
    document = SMALL_V2 if family == "v2" else SMALL_V1
    return dataclasses.replace(Architecture.from_dict(document), resolution_px=int(side))


@pytest.fixture
def trained() -> Trained:
    """Builds networks whose every weight shows in the output, unlike those of fresh ones."""

    def build_trained(architecture: Architecture) -> Network:
        torch.manual_seed(0)
        network = build(architecture)
        with torch.no_grad():
            for name, value in network.named_parameters():
                if name.endswith("gamma") or (name.endswith("weight") and value.ndim == 1):
                    value.uniform_(0.5, 1.5)
                elif name.endswith("table"):
                    value.normal_(0, 1)
                elif name.endswith("bias"):
                    value.normal_(0, 0.2)
                else:
                    value.normal_(0, value[0].numel() ** -0.5)
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 1.0
            side = architecture.resolution_px
            network.train()(torch.randn(8, architecture.in_channels, side, side))
        return network.eval()

    return build_trained
