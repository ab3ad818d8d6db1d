"""What every proxy must hold."""

from __future__ import annotations

import math
import typing

import pytest

from vitnas import plugins
from vitnas.quality.measure import load_proxy, measure
from vitnas.quality.proxies._base import Needs
from vitnas.space.files import load_architecture

PROXIES = sorted(plugins.list_plugins("proxy"))


@pytest.fixture(params=PROXIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def small():
    return load_architecture("efficientformer:s0")


def test_says_what_it_is(name):
    assert plugins.list_plugins("proxy")[name]
    proxy = load_proxy(name)
    assert proxy.needs in typing.get_args(Needs)
    assert isinstance(proxy.higher_is_better, bool)
    assert len((proxy.__doc__ or "").splitlines()) > 1, "the definition and its source"


def test_scores_are_finite_and_repeatable(name, small):
    first = measure(small, [name], seed=3)
    assert not first.failures and math.isfinite(first.scores[name])
    assert measure(small, [name], seed=3).scores == first.scores
    assert measure(small, [name], seed=4).scores != first.scores


def test_sharing_passes_changes_no_score(small):
    settings = {"batch": 8, "repeats": 1, "resolution_px": 64}
    passes = {load_proxy(n).passes for n in PROXIES}
    one_pass = [n for n in PROXIES if load_proxy(n).passes == min(passes)]
    together = measure(small, one_pass, seed=1, **settings).scores
    for name in one_pass:
        assert measure(small, [name], seed=1, **settings).scores[name] == pytest.approx(
            together[name], rel=1e-5
        )
