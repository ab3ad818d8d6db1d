"""Costs and scores of any networks."""

from __future__ import annotations

import pytest

import vitnas
from vitnas.errors import InvalidInput, UnknownName


def test_a_price_has_figures_their_origin_and_band():
    price = vitnas.price("efficientformer:s0", "iphone12")
    assert price.params == price["params"] == 3_600_256 or price.params > 3_000_000
    assert price.latency_ms == pytest.approx(0.9, abs=0.05)
    assert "fitted, not measured" in price.origin and 0 < price.band < 0.2
    assert set(price) == {"params", "macs", "activations", "latency_ms", "peak_bytes"}
    assert price.expected_top1["low"] < 75.7 < price.expected_top1["high"]
    assert "0.90 ±0.09" in repr(price) and price.origin in repr(price)
    assert "<table>" in price._repr_html_()
    with pytest.raises(AttributeError, match="no figure 'watts'"):
        price.watts  # noqa: B018


def test_several_devices_have_a_name_each_and_none_has_no_latency():
    price = vitnas.price("efficientformer:s0", ["iphone12", "galaxy_s24"], batch=1)
    assert price["latency_ms@iphone12"] < 2 and price["latency_ms@galaxy_s24"] < 2
    assert price.band is None
    bare = vitnas.price("efficientformer:s0")
    assert bare.latency_ms is None and bare.origin == ""


def test_scores(folder):
    scores = vitnas.score(["tiny:known", "tiny:known"], proxies=["naswot"], workers=2)
    assert len(scores) == 2 and len(scores[:1]) == 1
    assert scores[0]["scores"]["naswot"] == scores[1]["scores"]["naswot"] is not None
    assert list(scores.to_pandas()["naswot"]) == [row["scores"]["naswot"] for row in scores]
    assert "naswot" in repr(scores) and "<table>" in scores._repr_html_()


def test_what_is_wrong():
    with pytest.raises(UnknownName, match="unknown device 'iphone'; did you mean 'iphone12'"):
        vitnas.price("efficientformer:s0", "iphone")
    with pytest.raises(InvalidInput, match="`networks`: name at least one"):
        vitnas.score([])
    with pytest.raises(InvalidInput, match="got dict"):
        vitnas.score([{}])


def test_lists(folder):
    assert vitnas.list_spaces("TIN?") == ["tiny"]
    assert "iphone12" in vitnas.list_devices()
    assert vitnas.list_operators("conv_f*") == ["conv_ffn"]
    assert {"evolution", "optuna-tpe"} <= set(vitnas.list_strategies())
    assert "naswot" in vitnas.list_proxies()
    assert {"capacity", "params", "fitted", "train", "naswot"} <= set(vitnas.list_qualities())
