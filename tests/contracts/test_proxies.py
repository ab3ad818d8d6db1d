"""What every proxy must hold."""

from __future__ import annotations

import copy
import gc
import math
import typing

import pytest
import torch

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import measure
from vitnas.quality.proxies._base import Needs
from vitnas.quality.proxies._passes import run_proxies
from vitnas.quality.proxy import load_proxy

PROXIES = sorted(plugins.list_plugins("proxy"))
SETTINGS = {"batch": 14, "repeats": 1, "resolution_px": 32}


def architecture(stem, stages, head):
    return Architecture.from_dict(
        {
            "name": "tiny",
            "input": {"channels": 3, "resolution_px": 32},
            "classes": 10,
            "stem": stem,
            "stages": stages,
            "head": {"op": head},
        }
    )


VIT = architecture(
    {"op": "patch_embed", "patch_px": 8},
    [{"width": 24, "blocks": [{"op": "transformer_block", "repeat": 2, "heads": 2, "head_dim": 8}]}],
    "token_classifier",
)
HYBRID = architecture(
    {"op": "conv_stem"},
    [
        {"width": 16, "blocks": [{"op": "conv_ffn", "repeat": 2}]},
        {"down": {"op": "conv_down"}, "width": 24, "blocks": [{"op": "attention_ffn", "key_dim": 8}]},
    ],
    "pooled_classifier",
)


@pytest.fixture(params=PROXIES)
def name(request):
    return request.param


@pytest.fixture(scope="module", params=[VIT, HYBRID], ids=["vit", "hybrid"])
def together(request):
    """All proxies at once."""
    return request.param, measure(request.param, PROXIES, seed=3, **SETTINGS)


def test_says_what_it_is(name):
    assert plugins.list_plugins("proxy")[name]
    proxy = load_proxy(name)
    assert proxy.needs in typing.get_args(Needs)
    assert isinstance(proxy.higher_is_better, bool)
    assert len((proxy.__doc__ or "").splitlines()) > 1, "the definition and its source"


def test_a_plain_vit_has_a_finite_score(together, name):
    architecture, measured = together
    if architecture is VIT:
        assert name not in measured.failures and math.isfinite(measured.scores[name])
    else:
        assert (name in measured.scores) != (name in measured.failures)


def test_scores_do_not_depend_on_the_others_and_repeat(together, name):
    architecture, measured = together
    alone = measure(architecture, [name], seed=3, **SETTINGS)
    assert alone.failures.get(name) == measured.failures.get(name)
    assert alone.scores == pytest.approx({n: v for n, v in measured.scores.items() if n == name}, rel=1e-5)


def test_seeds_draw_anew(together, name):
    architecture, measured = together
    if name in measured.scores:
        assert measure(architecture, [name], seed=4, **SETTINGS).scores[name] != measured.scores[name]


@pytest.mark.parametrize("architecture", [VIT, HYBRID], ids=["vit", "hybrid"])
def test_the_network_is_left_as_it_was(architecture, name):
    torch.manual_seed(0)
    network = build(architecture)
    before = copy.deepcopy(network.state_dict())
    hooks = [(m, len(m._forward_hooks) + len(m._forward_pre_hooks)) for m in network.modules()]
    run_proxies(network, {name: load_proxy(name)()}, torch.randn(6, 3, 32, 32), torch.randint(10, (6,)))
    for key, value in network.state_dict().items():
        assert value.dtype == before[key].dtype and torch.equal(value, before[key])
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert all(module.training for module in network.modules())
    assert all(len(m._forward_hooks) + len(m._forward_pre_hooks) == count for m, count in hooks)


@pytest.mark.parametrize("architecture", [VIT, HYBRID], ids=["vit", "hybrid"])
def test_no_tensor_is_left_behind(architecture, name):
    def alive() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    measure(architecture, [name], seed=3, **SETTINGS)  # what is kept for good
    before = alive()
    measure(architecture, [name], seed=3, **SETTINGS)
    assert alive() <= before
