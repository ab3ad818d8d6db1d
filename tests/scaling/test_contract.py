"""Constrained local contraction of a small network."""

from __future__ import annotations

import dataclasses

import pytest

from vitnas.errors import InvalidInput
from vitnas.scaling.contract import (
    ContractionSettings,
    check_start,
    contract,
    factors_of,
    smallest_of,
    step_bounds,
)
from vitnas.scaling.edits import Place, set_depth, widen, widths
from vitnas.scaling.rule import Bound, Network

FINE = ContractionSettings(width_multiple=4, shrink=0.9)
MACS = {"macs_like": True}


@pytest.fixture
def large(small):
    return set_depth(widen(small, 2.0, multiple=8), Place(0, 0), 3)


@pytest.fixture
def book(notebook):
    return notebook(lambda child: {"macs_like": float(sum(widths(child.architecture)))}, MACS)


def test_the_factors_are_widths_depths_and_arguments(large):
    assert list(factors_of(large, 4)) == [
        *("stage 1 width", "stage 2 width", "stage 1 depth", "stage 2 conv_ffn depth"),
        *("stage 2 attention_ffn depth", "conv_ffn expansion", "attention_ffn expansion"),
        *("attention_ffn attention_ratio", "attention_ffn heads", "attention_ffn key_dim"),
    ]


def test_every_factor_shrinks_to_an_end(large, book):
    costs = book.price(large)
    for name, factor in factors_of(large, 4).items():
        network, notches = large, 0
        while (smaller := factor(network)) is not None:
            assert book.price(smaller)["params"] <= book.price(network)["params"], name
            network, notches = smaller, notches + 1
            assert notches < 100
        if not name.startswith(("stage 2 attention_ffn depth", "attention_ffn key_dim")):  # at their ends
            assert book.price(network)["params"] < costs["params"], name


def test_bounds_come_closer_step_by_step():
    bounds = (Bound("params", 100.0), Bound("throughput_per_s", 50.0, at_least=True), Bound("macs", 9.0))
    now = step_bounds(bounds, {"params": 200, "throughput_per_s": 10.0, "macs": 8}, 0.9)
    assert [b.limit for b in now] == pytest.approx([180.0, 10 / 0.9, 9.0])
    assert [
        b.limit for b in step_bounds(bounds, {"params": 105, "throughput_per_s": 49, "macs": 9}, 0.9)
    ] == [*(100.0, 50.0, 9.0)]


def test_each_step_meets_its_bounds_and_keeps_the_best(large, book):
    outcome = contract(large, (40_000, 80_000), book.judge(), FINE)
    for before, after in zip(outcome.path, outcome.path[1:], strict=False):
        assert after.params < before.params
    for asked, survivor in zip(book.asked, outcome.path[1:], strict=True):
        best = max(sum(widths(child.architecture)) for child in asked)
        assert sum(widths(survivor.architecture)) == best
    assert list(outcome.members) == [40_000, 80_000]
    assert all(member.params <= size for size, member in outcome.members.items())


def test_rejected_children_are_written_down_with_the_bound(large, book):
    contract(large, (60_000,), book.judge([Bound("macs", 4e6)]), FINE)
    dropped = [line for line in book.lines if line["outcome"] == "dropped"]
    assert dropped
    assert all(line["reason"].startswith(("breaks params <=", "breaks macs <=")) for line in dropped)
    assert all(line["move"] and line["child"] and line["costs"] for line in dropped)


def test_budgets_hold_for_every_member(large, book):
    limit = 0.5 * float(book.price(large)["macs"])
    outcome = contract(large, (40_000, 80_000), book.judge([Bound("macs", limit)]), FINE)
    assert all(m.costs["macs"] <= limit for m in outcome.members.values())


def test_a_bound_that_cannot_be_met_is_named(large, book):
    outcome = contract(large, (30_000,), book.judge([Bound("macs", 100.0)]), FINE)
    assert not outcome.members
    assert "contraction ended at" in outcome.missed[30_000]
    assert "nothing can shrink further and it breaks macs <= 100" in outcome.missed[30_000]
    with pytest.raises(InvalidInput, match=r"ends with macs .* which breaks macs <= 100"):
        check_start(outcome.path[0], (30_000,), book.judge([Bound("macs", 100.0)]), FINE)


def test_sizes_out_of_reach(large, book):
    judge = book.judge()
    start = Network(large, judge.price(large))
    least = smallest_of(large, judge, 4)["params"]
    check_start(start, (int(least) + 1, int(start.params)), judge, FINE)
    with pytest.raises(InvalidInput, match="only goes down"):
        check_start(start, (10_000, 10**8), judge, FINE)
    with pytest.raises(InvalidInput, match="at the least"):
        check_start(start, (int(least) - 1,), judge, FINE)


def test_the_start_is_a_member_where_it_fits(large, book):
    size = int(book.price(large)["params"])
    outcome = contract(large, (size,), book.judge(), FINE)
    assert outcome.members[size].architecture == dataclasses.replace(large)
    assert len(outcome.path) == 1
