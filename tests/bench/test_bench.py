"""A network in, a durable line out: keys, turns, groups, failures; with tasks that build nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from vitnas.bench.bench import Bench, Job
from vitnas.store.log import EvaluationLog
from vitnas.workers import Serial


@dataclass(frozen=True)
class Doubles:
    """In the place of `NetworkTask`."""

    turns: tuple[int, ...] = (-1,)

    def __call__(self, item):
        number, _ = item
        if number < 0:
            raise ValueError("negative")
        return {"double": 2 * number}


class Line(Job):
    def line(self, found):
        return {"task": self.key, **found}


class Groups(EvaluationLog):
    """Counts its writes."""

    groups: tuple[int, ...] = ()

    def append_many(self, records):
        lines = list(records)
        self.groups = (*self.groups, len(lines))
        super().append_many(lines)


def jobs(*numbers, task=Doubles()):
    return [Line(f"n{number}", task, number) for number in numbers]


@pytest.fixture
def log(tmp_path):
    return Groups(tmp_path / "log.jsonl")


def test_what_comes_back_together_is_one_write_and_equal_keys_are_one_line(log):
    told = []
    found = Bench(Serial(), log).measure(jobs(1, 2, 1, 3), told.append)
    assert [line["double"] for line in found] == [2, 4, 2, 6]
    assert sum(log.groups) == len(log) == 3 and len(log.groups) < 3
    assert told[-1] == 4 and told == sorted(told)


def test_what_the_log_knows_is_not_measured_again(log):
    Bench(Serial(), log).measure(jobs(1))

    class Asked(Serial):
        items = ()

        def submit(self, function, item):
            self.items = (*self.items, item[0])
            return super().submit(function, item)

    workers, told = Asked(), []
    bench = Bench(workers, log)
    assert [line["double"] for line in bench.measure(jobs(1, 5), told.append)] == [2, 10]
    assert workers.items == (5,) and told == [2]
    assert bench.recall(["n5", "n6"]) == [{"task": "n5", "double": 10}, {}]


def test_several_may_wait_for_one_network(log):
    bench = Bench(Serial(), log)
    first, second = bench.start(jobs(1, 2)), bench.start(jobs(2))
    assert not first.is_done and not second.is_done
    while not (first.is_done and second.is_done):
        bench.wait()
    assert first.evaluations[1] is second.evaluations[0] and len(log) == 2


def test_a_failure_is_a_line_as_well(log):
    assert Bench(Serial(), log).measure(jobs(-1)) == [{"task": "n-1", "failure": "ValueError: negative"}]
    assert log.find("n-1") == {"task": "n-1", "failure": "ValueError: negative"}


def test_what_is_cancelled_leaves_nothing_behind(log):
    bench = Bench(Serial(), log)
    bench.start(jobs(1, 2))
    bench.cancel()
    assert len(log) == 0
    assert [line["double"] for line in bench.measure(jobs(2))] == [4]
    assert len(log) == 1


def test_without_a_log_nothing_is_remembered():
    bench = Bench(Serial())
    assert bench.measure([Job("n1", Doubles(), 1)]) == [{"double": 2}]
    assert bench.recall(["n1"]) == [{}]
