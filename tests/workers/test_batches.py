from __future__ import annotations

import pytest

from vitnas.workers._batches import MOST, TARGET_S, Costs, fair


def test_batches_grow_with_cheap_tasks():
    costs = Costs()
    assert costs.wanted("f") == 1  # nothing is known
    costs.learn("f", [0.1, 0.3])
    assert costs.wanted("f") == int(TARGET_S / 0.2)
    assert costs.wanted("g") == 1  # of another function
    costs.learn("g", [1e-7])
    assert costs.wanted("g") == MOST
    costs.learn("h", [60.0])
    assert costs.wanted("h") == 1


def test_costs_follow_what_is_measured():
    costs = Costs()
    costs.learn("f", [1.0])
    for _ in range(30):
        costs.learn("f", [0.1])
    assert costs.wanted("f") == pytest.approx(TARGET_S / 0.1, abs=1)


@pytest.mark.parametrize(
    ("wanted", "waiting", "size", "number"),
    [
        (100, 32, 2, 8),  # two batches for each of two workers
        (5, 32, 2, 5),
        (100, 3, 2, 1),  # the last ones are spread
        (100, 1, 8, 1),
        (100, 10_000, 2, 100),
    ],
)
def test_no_batch_takes_what_others_could_do(wanted, waiting, size, number):
    assert fair(wanted, waiting, size) == number


def test_a_batch_may_take_as_long_as_one_task_that_hangs():
    costs = Costs()
    assert costs.allowed_s("f", 1, 30.0) == 30.0
    assert costs.allowed_s("f", 4, 30.0) == 120.0  # nothing is known
    costs.learn("f", [0.1])
    assert costs.allowed_s("f", 20, 30.0) == pytest.approx(30 + 3 * 2)
    assert costs.allowed_s("f", 20, 0.2) == pytest.approx(4.0)  # no more than all of them may
