"""As-ViT's rule on a small network with scores that are made up."""

from __future__ import annotations

import dataclasses
import math

import pytest

from vitnas.errors import InvalidInput, NothingFeasible
from vitnas.scaling.edits import depths, widths
from vitnas.scaling.grow import GrowthSettings, Stem, check_start, children_of, grow
from vitnas.scaling.rule import Bound, Network
from vitnas.space.files import load_architecture

LENGTH = {"length": True}
FINE = GrowthSettings(width_multiple=4, proxy_width=0.25)


def deep(child):
    return {"length": float(sum(depths(child.architecture))) + child.architecture.stages[0].width / 1000}


def test_children_are_every_layer_times_every_width_that_differs():
    seed = load_architecture("asvit:seed")  # widths 32, 64, 128, 256; proxies at 8, 16, 32, 64
    children = [child for _, child in children_of(Stem(seed, 32), FINE).values()]
    # 32 * 1.05 .. 1.20 rounded to multiples of 4, as 8 * 1.05 .. 1.20 to whole numbers: 32, 36, 36, 40
    assert len(children) == 4 * 3
    assert {widths(c.architecture) for c in children} == {
        (32, 64, 128, 256),
        (36, 72, 144, 288),
        (40, 80, 160, 320),
    }
    assert {depths(c.architecture) for c in children} == {
        (2, 1, 1, 1),
        (1, 2, 1, 1),
        (1, 1, 2, 1),
        (1, 1, 1, 2),
    }
    for child in children:
        assert [4 * w for w in widths(child.measured)] == list(widths(child.architecture))
        assert depths(child.measured) == depths(child.architecture)


def test_widths_stop_at_the_largest():
    seed = load_architecture("asvit:seed")
    settings = dataclasses.replace(FINE, max_width=256)
    assert Stem(seed, 40).network(settings).stages[3].width == 256
    assert Stem(seed, 40).measured(settings).stages[3].width == 80


def test_each_step_adds_one_layer_and_the_best_child_survives(small, notebook):
    book = notebook(deep, LENGTH)
    outcome = grow(small, (60_000, 120_000), book.judge(), FINE)
    for before, after in zip(outcome.path, outcome.path[1:], strict=False):
        assert sum(depths(after.architecture)) == sum(depths(before.architecture)) + 1
        assert after.params > before.params
    for step, asked in enumerate(book.asked, start=1):
        widest = max(child.architecture.stages[0].width for child in asked)
        assert outcome.path[step].architecture.stages[0].width == widest
    assert outcome.path[-1].params >= 120_000


def test_a_member_is_the_nearest_network_and_sizes_ascend(small, notebook):
    sizes = (28_000, 60_000, 120_000)
    outcome = grow(small, sizes, notebook(deep, LENGTH).judge(), FINE)
    found = [outcome.members[size].params for size in sizes]
    assert found == sorted(set(found))
    for size, member in outcome.members.items():
        assert member.params == min((n.params for n in outcome.path), key=lambda p: abs(math.log(p / size)))


def test_children_above_the_cap_or_a_bound_are_dropped_and_written_down(small, notebook):
    book = notebook(deep, LENGTH)
    bound = Bound("macs", 6e6)
    outcome = grow(small, (60_000, 900_000), book.judge([bound]), FINE)
    assert all(n.costs["macs"] <= 6e6 for n in outcome.path)
    dropped = [line for line in book.lines if line["outcome"] == "dropped"]
    assert {line["reason"] for line in dropped} == {"breaks macs <= 6.00 M"}
    assert list(outcome.members) == [60_000]
    assert "growth ended at" in outcome.missed[900_000]
    assert "breaks macs <= 6.00 M" in outcome.missed[900_000]


def test_no_child_is_larger_than_the_largest_size_and_its_overshoot(small, notebook):
    book = notebook(deep, LENGTH)
    outcome = grow(small, (30_000, 80_000), book.judge(), dataclasses.replace(FINE, overshoot=0.0))
    assert outcome.path[-1].params <= 80_000
    assert any("the largest size and its overshoot" in line.get("reason", "") for line in book.lines)


def test_what_has_no_score_at_all_ends_the_run(small, notebook):
    with pytest.raises(NothingFeasible, match="step 1: none of"):
        grow(small, (120_000,), notebook(lambda child: {"length": math.nan}, LENGTH).judge(), FINE)


def test_a_seed_that_is_too_large_or_breaks_a_bound_is_refused(small, notebook):
    book = notebook(deep, LENGTH)
    seed = Network(small, book.price(small))
    check_start(seed, (int(seed.params),), book.judge(), FINE)
    with pytest.raises(InvalidInput, match="only goes up"):
        check_start(seed, (1000, 120_000), book.judge(), FINE)
    with pytest.raises(InvalidInput, match=r"breaks macs <= 1\.00 K before it grows"):
        check_start(seed, (120_000,), book.judge([Bound("macs", 1000.0)]), FINE)
