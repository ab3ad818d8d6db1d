from __future__ import annotations

import importlib
import math
import operator
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from vitnas.errors import InvalidInput
from vitnas.workers import Failure, Processes, Serial, make_workers
from vitnas.workers.processes import usable_cores

HELPER = '''
import os
import time
from pathlib import Path


def die_once(path):
    """Kills its process the first time, and answers the second."""
    mark = Path(path)
    if mark.exists():
        return "second"
    mark.touch()
    os._exit(3)


def pid_of(item):
    time.sleep(item)
    return os.getpid()


def threads(item):
    import torch

    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]


def unsendable(item):
    return lambda: item
'''

SEARCHING = """
import os
import sys
from pathlib import Path
from vitnas.workers import make_workers
import helper

if __name__ == "__main__":
    with make_workers(2) as workers:
        pids = [pid for _, pid in workers.map(helper.pid_of, [0.3, 0.3])]
        print(*pids, flush=True)
        for _ in workers.map(helper.pid_of, [60.0, 60.0]):
            pass
"""


@pytest.fixture(scope="module")
def helper(tmp_path_factory):
    """A module that workers can import: they inherit the path."""
    folder = tmp_path_factory.mktemp("helper")
    (folder / "helper.py").write_text(HELPER)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("helper")
    del sys.modules["helper"]


@pytest.fixture(scope="module")
def two(helper):
    with Processes(2) as workers:
        yield workers


@pytest.fixture(params=["serial", "processes"])
def workers(request, two):
    return Serial() if request.param == "serial" else two


def test_every_item_has_its_result(workers):
    items = [float(k) for k in range(50)]
    results = dict(workers.map(math.sqrt, items))
    assert results == {k: math.sqrt(k) for k in range(50)}


def test_a_task_that_raises_is_a_failure_and_the_others_go_on(workers):
    results = dict(workers.map(math.sqrt, [4.0, -1.0, 9.0]))
    assert (results[0], results[2]) == (2.0, 3.0)
    assert isinstance(results[1], Failure)
    assert results[1].reason.startswith("ValueError: ")
    assert "sqrt" in results[1].detail or "Traceback" in results[1].detail


def test_no_items(workers):
    assert list(workers.map(math.sqrt, [])) == []


def test_partial_functions_run_too(workers):
    assert dict(workers.map(partial(operator.add, 10), [1, 2])) == {0: 11, 1: 12}


def test_items_are_taken_as_workers_become_free(two):
    taken = []

    def items():
        for k in range(10):
            taken.append(k)
            yield float(k)

    results = two.map(math.sqrt, items())
    next(results)
    assert len(taken) <= 2
    assert len(list(results)) == 9


def test_processes_live_long(two, helper):
    first = {pid for _, pid in two.map(helper.pid_of, [0.0] * 8)}
    second = {pid for _, pid in two.map(helper.pid_of, [0.0] * 8)}
    assert first & second
    assert os.getpid() not in first | second


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(two, helper, tmp_path):
    assert dict(two.map(helper.die_once, [tmp_path / "a", tmp_path / "b"])) == {0: "second", 1: "second"}


def test_a_task_that_kills_its_worker_twice_is_a_failure(two):
    results = dict(two.map(os._exit, [7]))
    assert results[0] == Failure("killed two workers (exit code 7)")
    assert dict(two.map(math.sqrt, [4.0])) == {0: 2.0}


def test_a_killed_worker_is_noticed(two, helper):
    pids = set()
    for _, pid in two.map(helper.pid_of, [0.0] * 4):
        pids.add(pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert dict(two.map(math.sqrt, [4.0, 9.0])) == {0: 2.0, 1: 3.0}


def test_results_that_cannot_be_sent(two, helper):
    (failure,) = dict(two.map(helper.unsendable, [1])).values()
    assert isinstance(failure, Failure)
    assert "cannot be sent" in failure.reason


def test_functions_that_cannot_be_sent(two):
    with pytest.raises(InvalidInput, match="importable"):
        list(two.map(lambda x: x, [1]))


def test_leaving_early_leaves_nothing_for_the_next_map(two, helper):
    for _, first in two.map(helper.pid_of, [0.0, 30.0, 30.0]):
        assert first > 0
        break
    assert dict(two.map(math.sqrt, [4.0, 9.0])) == {0: 2.0, 1: 3.0}


def test_workers_share_the_cores(two, helper):
    before = os.environ.get("OMP_NUM_THREADS")
    threads = max(1, usable_cores() // 2)
    assert dict(two.map(helper.threads, [0])) == {0: (threads, str(threads))}
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_make_workers():
    assert isinstance(make_workers(1), Serial)
    assert make_workers(3).size == 3
    with pytest.raises(InvalidInput, match="at least 1"):
        make_workers(0)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(how, tmp_path):
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "searching.py").write_text(SEARCHING)
    command = [sys.executable, str(tmp_path / "searching.py")]
    # a session of its own: signals reach the group as Ctrl-C does
    parent = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.3)  # the second map is under way
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)
    else:
        parent.send_signal(how)
    parent.wait(timeout=20)
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
