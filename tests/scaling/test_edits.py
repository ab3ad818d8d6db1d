"""Moves of an architecture, checked by counting what is built."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.cost.priced import Figures
from vitnas.cost.pricer import NetworkPricer, price_architecture
from vitnas.errors import InvalidArchitecture
from vitnas.hardware.load_device import load_device
from vitnas.scaling.edits import (
    ArgumentSlot,
    Place,
    add_layer,
    depths,
    map_argument,
    places,
    remove_layer,
    round_to,
    segment_at,
    set_depth,
    widen,
    widths,
    with_width,
)
from vitnas.space.files import load_architecture


@pytest.fixture(scope="module")
def s0() -> Architecture:
    return load_architecture("efficientformer:s0")


def params(architecture: Architecture) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build(architecture).parameters())


def test_a_layer_is_a_copy_of_the_last_one(s0):
    place = Place(2, 0)  # expansions 4, 3, 3, 3
    grown = add_layer(s0, place)
    assert segment_at(grown, place).args["expansion"] == (4, 3, 3, 3, 3)
    assert depths(grown) == (2, 2, 7, 4)


def test_a_layer_costs_what_its_copy_does(small):
    grown = add_layer(small, Place(1, 0))
    with torch.device("meta"):
        block = build(small).stages[1].blocks[1]
    assert params(grown) - params(small) == sum(p.numel() for p in block.parameters())


def test_removing_undoes_adding_and_keeps_one_block_of_a_kind(s0):
    for place in places(s0):
        assert remove_layer(add_layer(s0, place), place).id == s0.id
    once = remove_layer(s0, Place(0, 0))
    assert depths(once) == (1, 2, 6, 4)
    assert remove_layer(once, Place(0, 0)) is None


def test_a_longer_segment_repeats_its_pattern(s0):
    long = set_depth(s0, Place(2, 0), 8)
    assert segment_at(long, Place(2, 0)).args["expansion"] == (4, 4, 3, 3, 3, 3, 3, 3)
    assert set_depth(long, Place(2, 0), 4).id == s0.id
    assert set_depth(s0, Place(2, 0), 1).stages[2].segments[0].args["expansion"] == 4


def test_widths_are_multiples_and_rounding_does_not_add_up(s0):
    wide = widen(s0, 1.5, multiple=8)
    assert widths(wide) == (48, 72, 144, 264)
    assert widths(widen(s0, 100, multiple=8, most=512)) == (512,) * 4
    assert widths(widen(s0, 0.01, multiple=8)) == (8,) * 4
    assert [round_to(v, 8) for v in (3, 12, 11.9, 20)] == [8, 16, 8, 24]


def test_heads_of_a_fixed_width_go_with_the_width():
    tiny = load_architecture("vit:deit_tiny")  # 192 channels, 3 heads of 64
    small = widen(tiny, 2.0)
    assert small.id == load_architecture("vit:deit_small").id  # 384 channels, 6 heads
    assert with_width(small, 0, 192).id == tiny.id


def test_other_heads_stay(s0):
    assert "heads" not in widen(s0, 2.0).stages[0].segments[0].args
    assert widen(s0, 2.0).stages[3].segments[1].args["heads"] == 8


def test_arguments_change_in_all_blocks_of_an_operator(s0):
    slot = ArgumentSlot("conv_ffn", "expansion")
    less = map_argument(s0, slot, lambda value: value - 0.5)
    values = [b.args["expansion"] for s in less.stages for b in s.blocks() if b.op == "conv_ffn"]
    assert values == [3.5, 3.5, 3.5, 3.5, 3.5, 2.5, 2.5, 2.5, 3.5, 2.5]
    assert less.stages[3].segments[1].args == s0.stages[3].segments[1].args
    third = map_argument(s0, slot, lambda value: 2.0, stage=2)
    assert third.stages[0] == s0.stages[0]


def test_moves_survive_a_file(s0, tmp_path):
    from vitnas.arch.schema import read_architecture, save_architecture

    moved = dataclasses.replace(widen(add_layer(s0, Place(3, 0)), 1.2), resolution_px=256)
    save_architecture(moved, tmp_path / "a.yaml")
    assert read_architecture(tmp_path / "a.yaml").id == moved.id


@pytest.mark.parametrize(("device", "batch"), [("iphone12", None), ("stm32f746", 4)])
def test_prices_by_blocks_are_those_of_the_whole_network(small, device, batch):
    pricer = NetworkPricer(Figures((load_device(device),), batch))
    for network in (small, add_layer(widen(small, 1.3), Place(0, 0))):
        expected = price_architecture(network, load_device(device), batch=batch)
        assert pricer.price(network) == pytest.approx(expected, nan_ok=True)


def test_what_cannot_be_built_has_no_price_and_is_named(s0):
    with pytest.raises(InvalidArchitecture, match="stem"):
        NetworkPricer(Figures()).price(dataclasses.replace(s0, resolution_px=30))
