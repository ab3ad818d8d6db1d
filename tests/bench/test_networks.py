"""Evaluations of networks: repeats are spread over workers, and say what they say together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vitnas.bench.networks import NetworkBench
from vitnas.bench.task import ALL, merged
from vitnas.cost.table import CostTable
from vitnas.quality.measure import measure
from vitnas.quality.proxy import ProxyQuality
from vitnas.space.files import load_space
from vitnas.store.log import EvaluationLog
from vitnas.workers import Failure, Serial

NAMES = ["snip", "naswot"]
PROXIES = [ProxyQuality(name) for name in NAMES]  # three repeats, and one


class Refuses(Serial):
    """Workers that must not be asked."""

    def submit(self, function, item):
        pytest.fail("something is measured again")


class Backwards(Serial):
    """Finishes the last task first, as several processes may."""

    def wait(self):
        finished = []
        while more := super().wait():
            finished += more
        return finished[::-1]


@pytest.fixture
def table(folder):
    return CostTable.build(load_space("tiny"))


@pytest.fixture
def bench(table, folder):
    def make(workers, log="log.jsonl", *, qualities=PROXIES, **settings):
        return NetworkBench(table, workers, EvaluationLog(folder / log), seed=5).by(qualities, **settings)

    return make


def test_repeats_on_their_own_are_the_repeats_together(table, bench):
    genomes = table.space.sample(3, np.random.default_rng(0))
    records = bench(Serial()).measure(genomes)
    for genome, record in zip(genomes, records, strict=True):
        together = measure(table.space.decode(genome), NAMES, seed=5)
        assert record["scores"] == together.scores
        assert record["failures"] == together.failures == {}


def test_the_order_of_completion_has_no_say(bench, table):
    genomes = table.space.sample(4, np.random.default_rng(1))
    first = bench(Serial(), "one").measure(genomes)
    other = bench(Backwards(), "two").measure(genomes)
    assert [r["scores"] for r in first] == [r["scores"] for r in other]
    assert [r["id"] for r in first] == [r["id"] for r in other]


def test_a_network_is_one_line_of_the_log_and_is_not_measured_again(bench, table, folder):
    genomes = table.space.sample(2, np.random.default_rng(2))
    seen = []
    first = bench(Serial()).measure(np.concatenate([genomes, genomes[:1]]), done=seen.append)
    assert len((folder / "log.jsonl").read_text().splitlines()) == 2
    assert seen[-1] == 3 and seen == sorted(set(seen)), "results may come in groups"
    again = bench(Refuses(), qualities=PROXIES[::-1])
    assert again.measure(genomes) == again.recall(genomes) == first[:2]


def test_repeats_are_merged():
    def one(scores, failures=None):
        asked = {**scores, **(failures or {})}
        settings = {name: {"batch": 2, "repeats": 1} for name in asked}
        own = {"settings": settings, "seconds_by_proxy": dict.fromkeys(asked, 0.5)}
        return {"id": "x", "scores": scores, "failures": failures or {}, "seconds": 1.0, **own}

    three = [one({"a": 1.0, "b": 5.0}), one({"a": 2.0}), one({"a": 6.0})]
    both = merged(three)
    assert (both["id"], both["scores"], both["failures"]) == ("x", {"a": 3.0, "b": 5.0}, {})
    assert (both["seconds"], both["seconds_by_proxy"]) == (3.0, {"a": 1.5, "b": 0.5})
    assert both["spreads"] == {"a": pytest.approx((14 / 3) ** 0.5), "b": 0.0}
    assert both["settings"] == {"a": {"batch": 2, "repeats": 3}, "b": {"batch": 2, "repeats": 1}}
    three[1] = one({}, {"a": "second"})
    three[2] = one({}, {"a": "third"})
    both = merged(three)
    assert (both["scores"], both["failures"], both["seconds"]) == ({"b": 5.0}, {"a": "second"}, 3.0)
    assert merged([three[0], Failure("died"), three[1]]) == {"failure": "died"}
    assert merged(three[:1]) is three[0]


def test_a_task_without_proxies_is_one_task(table, bench):
    genomes = table.space.sample(1, np.random.default_rng(3))
    (record,) = bench(Serial(), qualities=[], health=True).measure(genomes)
    assert record["health"]["verdict"] in ("ok", "suspicious", "broken")


def test_repeats_are_tasks_of_their_own(table, bench):
    submitted = []

    class Workers(Serial):
        def submit(self, function, item):
            submitted.append((function, item))
            return super().submit(function, item)

    genome = table.space.sample(1, np.random.default_rng(3))
    bench(Workers()).measure(genome)
    assert [item for _, item in submitted] == [(genome.tobytes(), turn) for turn in range(3)]
    assert len({id(function) for function, _ in submitted}) == 1, "what tasks share travels once"
    task = submitted[0][0]
    assert [sorted(task(item)["scores"]) for _, item in submitted] == [sorted(NAMES), *[["snip"]] * 2]
    together = task((genome.tobytes(), ALL))
    assert math.isfinite(together["scores"]["snip"]) and together["id"] == table.space.decode(genome[0]).id
