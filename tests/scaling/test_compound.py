"""Compound scaling of a small network."""

from __future__ import annotations

import pytest

from vitnas.errors import InvalidInput
from vitnas.scaling.compound import CompoundSettings, check_start, compound, neighbours, scaled
from vitnas.scaling.edits import depths, widths
from vitnas.scaling.rule import Bound, Network
from vitnas.space.files import load_architecture

FINE = CompoundSettings(width_multiple=4)


@pytest.fixture
def judge(notebook):
    return notebook(lambda child: {}, {}).judge


def test_efficientnets_ratios_at_one_unit():
    s0 = load_architecture("efficientformer:s0")
    one = scaled(s0, 1.0, CompoundSettings())
    assert depths(one) == (2, 2, 7, 4)  # 2, 2, 4 + 2, 2 + 2 times 1.2, rounded segment by segment
    assert widths(one) == (32, 56, 104, 192)  # 32, 48, 96, 176 times 1.1
    assert one.resolution_px == 256  # 224 * 1.15 to a multiple of 32
    assert scaled(s0, 0.0, CompoundSettings()) is s0


def test_networks_never_shrink_as_the_coefficient_grows(small, notebook):
    price = notebook(lambda child: {}, {}).price
    found = [price(scaled(small, k / 8, FINE))["params"] for k in range(-40, 40, 3)]
    assert found == sorted(found)


def test_a_member_is_the_largest_network_not_above_its_size(small, judge, notebook):
    sizes = (8_000, 30_000, 200_000)
    outcome = compound(small, sizes, judge(), FINE)
    price = notebook(lambda child: {}, {}).price
    for size, member in outcome.members.items():
        assert member.params <= size
        ladder = [price(scaled(small, k / 64, FINE))["params"] for k in range(-1600, 1200, 16)]
        assert member.params >= max(p for p in ladder if p <= size)
    found = [m.params for m in outcome.members.values()]
    assert found == sorted(set(found)) and not outcome.missed


def test_the_resolution_stays_a_multiple(small):
    near = {side: neighbours(side)[0] for side in (224, 240, 63, 36)}
    assert near == {224: 256, 240: 256, 63: 64, 36: 40}
    assert neighbours((224, 240)) == (256, (192, 224)) and neighbours(32) == (64, 32)
    assert all(scaled(small, k / 4, FINE).resolution_px % 32 == 0 for k in range(-30, 30))
    wide = [scaled(small.at_resolution((64, 96)), k, FINE).resolution_px for k in (0, 2)]
    assert wide == [(64, 96), (96, 128)]
    still = CompoundSettings(resolution_ratio=1.0)
    assert scaled(small, 5.0, still).resolution_px == 64


def test_a_bound_that_leaves_a_size_far_away_is_named(small, judge):
    outcome = compound(small, (20_000, 200_000), judge([Bound("macs", 2e6)]), FINE)
    assert list(outcome.members) == [20_000]
    assert outcome.missed[200_000].startswith("200 K: macs <= 2.00 M allows")


def test_sizes_out_of_reach(small, judge):
    start = Network(small, judge().price(small))
    with pytest.raises(InvalidInput, match=r"`to` 100: .* reaches \d+(\.\d+)? K? ?parameters at the least"):
        check_start(start, (100, 60_000), judge(), FINE)
    narrow = CompoundSettings(width_ratio=1.0, depth_ratio=1.01)
    with pytest.raises(InvalidInput, match="at the most with these ratios"):
        check_start(start, (28_136, 10**9), judge(), narrow)


def test_sizes_that_are_too_close_have_one_network(small, judge):
    outcome = compound(small, (20_300, 20_301), judge(), CompoundSettings(width_multiple=8))
    assert list(outcome.members) == [20_300]
    assert "that of a smaller size" in outcome.missed[20_301]
