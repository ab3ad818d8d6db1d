"""What every kind of workers does."""

from __future__ import annotations

import math
import operator
from functools import partial

import pytest

from vitnas.errors import InvalidInput
from vitnas.workers import Failure, Serial


def test_every_item_has_its_result(workers):
    items = [float(k) for k in range(50)]
    results = dict(workers.map(math.sqrt, items))
    assert results == {k: math.sqrt(k) for k in range(50)}


def test_a_task_that_raises_is_a_failure_and_the_others_go_on(workers):
    results = dict(workers.map(math.sqrt, [4.0, -1.0, 9.0]))
    assert (results[0], results[2]) == (2.0, 3.0)
    assert isinstance(results[1], Failure)
    assert results[1].reason.startswith("ValueError: ")
    assert "Traceback" in results[1].detail


def test_no_items(workers):
    assert list(workers.map(math.sqrt, [])) == []
    assert workers.wait() == []


def test_partial_functions_run_too(workers):
    assert dict(workers.map(partial(operator.add, 10), [1, 2])) == {0: 11, 1: 12}


def test_tickets_go_on_over_the_life_of_the_workers(workers):
    first = [workers.submit(math.sqrt, float(k)) for k in range(5)]
    second = [workers.submit(math.floor, k + 0.5) for k in range(5)]  # of another function, beside the first
    assert first + second == list(range(first[0], first[0] + 10))
    found = {}
    while finished := workers.wait():
        found |= dict(finished)
    assert [found[ticket] for ticket in first] == [math.sqrt(k) for k in range(5)]
    assert [found[ticket] for ticket in second] == [0, 1, 2, 3, 4]


def test_what_is_cancelled_does_not_come_back(workers):
    for item in (0.0, 1.0, 2.0):
        workers.submit(math.sqrt, item)
    workers.cancel()
    assert workers.wait() == []
    last = workers.submit(math.sqrt, 4.0)
    assert workers.wait() == [(last, 2.0)]


def test_leaving_early_leaves_nothing_for_the_next_map(workers):
    for _ in workers.map(math.sqrt, [1.0] * 20):
        break
    assert dict(workers.map(math.sqrt, [4.0, 9.0])) == {0: 2.0, 1: 3.0}


def test_workers_that_rested_go_on(workers):
    workers.rest()
    assert dict(workers.map(math.sqrt, [4.0, 9.0])) == {0: 2.0, 1: 3.0}


def test_results_that_cannot_be_sent(workers, helper):
    if isinstance(workers, Serial):
        pytest.skip("nothing is sent")
    (failure,) = dict(workers.map(helper.unsendable, [1])).values()
    assert isinstance(failure, Failure)
    assert "cannot be sent" in failure.reason


def test_functions_and_items_that_cannot_be_sent(workers):
    if isinstance(workers, Serial):
        pytest.skip("nothing is sent")
    with pytest.raises(InvalidInput, match="importable"):
        workers.submit(lambda x: x, 1)
    with pytest.raises(InvalidInput, match="a task cannot be sent"):
        workers.submit(math.sqrt, lambda: 1)


def test_what_tasks_share_travels_once_to_each_worker(workers, helper, tmp_path):
    if isinstance(workers, Serial):
        pytest.skip("nothing is sent")
    function = partial(helper.keep, helper.Unpickled(tmp_path / "count"))
    assert dict(workers.map(function, range(30))) == {k: k for k in range(30)}
    assert dict(workers.map(function, range(30))) == {k: k for k in range(30)}
    assert 1 <= len((tmp_path / "count").read_text()) <= workers.size


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(workers, helper, tmp_path):
    if isinstance(workers, Serial):
        pytest.skip("it is this process")
    assert dict(workers.map(helper.die_once, [tmp_path / "a", tmp_path / "b"])) == {0: "second", 1: "second"}


def test_a_task_that_kills_its_workers_is_a_failure_and_the_others_go_on(workers, helper):
    if isinstance(workers, Serial):
        pytest.skip("it is this process")
    items = [*range(8), 9]  # 7 kills
    results = dict(workers.map(helper.poison, items))
    assert {k: v for k, v in results.items() if k != 7} == {k: v * v for k, v in enumerate(items) if k != 7}
    assert isinstance(results[7], Failure)
    assert results[7].reason.startswith("killed two workers (")
