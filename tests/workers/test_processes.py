from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from vitnas.errors import ClusterError
from vitnas.workers import Failure, Processes
from vitnas.workers.processes import usable_cores

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


def test_a_signal_that_kills_twice_is_named():
    with Processes(1) as one:
        (failure,) = dict(one.map(signal.raise_signal, [signal.SIGKILL])).values()
        assert failure == Failure("killed two workers (signal 9: most likely for want of memory)")
        (failure,) = dict(one.map(signal.raise_signal, [signal.SIGSEGV])).values()
        assert failure == Failure("killed two workers (signal 11, SIGSEGV)")


def test_a_task_that_hangs_is_ended_and_the_others_go_on():
    with Processes(2, timeout_s=0.5) as workers:
        results = dict(workers.map(time.sleep, [0.0, 60.0, 0.0, 0.0]))
    failure = results.pop(1)
    assert failure == Failure("did not finish within 0.5 s, the time limit of a candidate")
    assert results == {0: None, 2: None, 3: None}


def test_the_start_of_a_worker_is_no_part_of_a_task():
    with Processes(1, timeout_s=0.01) as one:  # far less than a process takes to start
        assert dict(one.map(math.sqrt, [4.0])) == {0: 2.0}


def test_processes_start_with_the_first_task():
    with Processes(2) as workers:
        assert not workers._idle and not workers._running
        workers.submit(math.sqrt, 4.0)
        assert len(workers._running) == 1


def test_leaving_early_ends_what_runs(two, helper):
    for _, first in two.map(helper.pid_of, [0.0, 30.0, 30.0]):
        assert first > 0
        break
    assert dict(two.map(math.sqrt, [4.0, 9.0])) == {0: 2.0, 1: 3.0}


def test_workers_share_the_cores(two, helper):
    before = os.environ.get("OMP_NUM_THREADS")
    threads = max(1, usable_cores() // 2)
    assert dict(two.map(helper.threads, [0])) == {0: (threads, str(threads))}
    assert os.environ.get("OMP_NUM_THREADS") == before


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(how, helper, tmp_path):
    shutil.copy(helper.__file__, tmp_path)
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


WITHOUT_A_GUARD = """
import math
from vitnas.workers import make_workers

print("main", flush=True)
with make_workers(2) as workers:
    print(sorted(result for _, result in workers.map(math.sqrt, [1.0, 4.0, 9.0])))
"""


INSIDE = "import runpy; runpy.run_{}({!r}, run_name='__main__')"
METHOD = "import multiprocessing; multiprocessing.set_start_method({!r})\n"


def ways(text):
    """Arguments by which Python gets a text as its main program, beside what `run_as` writes."""
    return {
        "script": ["plain.py"],
        "module": ["-m", "plain"],
        "package": ["-m", "packed"],
        "folder": ["packed"],
        "zip": ["packed.zip"],
        "stdin": ["-"],
        "option": ["-c", text],
        "interactive": ["-i", "-c", text],
        "run_path": ["-c", INSIDE.format("path", "plain.py")],
        "run_module": ["-c", INSIDE.format("module", "packed")],
        "kernel": ["-c", f"exec({text!r}, {{'__name__': '__main__'}})"],
        **{name: ["-c", METHOD.format(name) + text] for name in ("spawn", "fork", "forkserver")},
    }


def run_as(way, text, folder):
    """Run a text as a main program; exit code, stdout and stderr."""
    (folder / "plain.py").write_text(text)
    (folder / "packed").mkdir()
    (folder / "packed" / "__main__.py").write_text(text)
    shutil.make_archive(str(folder / "packed"), "zip", folder / "packed")
    command = [sys.executable, *ways(text)[way]]
    given = text if way == "stdin" else ""
    found = subprocess.run(command, input=given, cwd=folder, capture_output=True, text=True, timeout=300)
    return found.returncode, found.stdout, found.stderr


@pytest.mark.parametrize("way", ways(""))
def test_a_main_program_without_a_guard_runs_once(way, tmp_path):
    code, out, err = run_as(way, WITHOUT_A_GUARD, tmp_path)
    assert (code, out) == (0, "main\n[1.0, 2.0, 3.0]\n"), err


SEARCH = """
import vitnas

run = vitnas.search("tiny32", trials=100, front=2, random_arm=False, workers=2, progress=False)
print(run.state, len(run.front))
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ways(""))
def test_a_search_without_a_guard_is_one_run(way, tmp_path):
    code, out, err = run_as(way, SEARCH, tmp_path)
    assert (code, out) == (0, "finished 2\n"), err
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_workers_that_cannot_start_are_one_error_and_blame_no_task(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # no Python to be found there
    said = r"end before they do anything \(exit code 1\): ModuleNotFoundError: No module named 'encodings'"
    with Processes(2) as workers, pytest.raises(ClusterError, match=said):
        list(workers.map(math.sqrt, [4.0] * 8))
    assert capfd.readouterr().err == ""
    monkeypatch.delenv("PYTHONHOME")
    with Processes(2) as workers:
        assert dict(workers.map(math.sqrt, [4.0])) == {0: 2.0}


def test_a_daemon_can_have_no_workers(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # as a Pool's worker is
    with Processes(2) as workers, pytest.raises(ClusterError, match=r"cannot be started: .*daemonic"):
        list(workers.map(math.sqrt, [4.0]))


STARTS = {
    "dies": "import os; os.write(2, b'Oops: no luck\\n'); os._exit(4)",
    "hangs": "import time; time.sleep(60)",
}


@pytest.mark.parametrize("how", STARTS)
def test_a_start_that_dies_or_hangs(how, monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(STARTS[how])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    said = {"dies": r"\(exit code 4\): Oops: no luck", "hangs": "cannot begin within 1 s: it says nothing"}
    with Processes(2, start_s=1.0) as workers, pytest.raises(ClusterError, match=said[how]):
        list(workers.map(math.sqrt, [4.0, 9.0]))


def test_what_a_worker_says_is_heard(capfd, monkeypatch, tmp_path, helper):
    (tmp_path / "sitecustomize.py").write_text("import os; os.write(2, b'good morning\\n')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with Processes(1) as one:
        assert dict(one.map(helper.say, ["at work"])) == {0: None}
    assert capfd.readouterr().err.splitlines() == ["good morning", "at work"]


def test_a_driver_that_looks_late_blames_the_task_that_kills(helper):
    with Processes(2) as workers:
        tickets = [workers.submit(helper.poison, item) for item in (7, 2, 7, 3)]
        found = {}
        while len(found) < len(tickets):
            time.sleep(0.7)  # workers start, work and die unseen
            found.update(workers.wait())
    died = Failure("killed two workers (exit code 3)")
    assert found == {0: died, 1: 4, 2: died, 3: 9}


def test_a_worker_that_died_before_it_had_its_task_blames_nobody(helper):
    with Processes(1) as one:
        ((_, pid),) = one.map(helper.pid_of, [0.0])
        os.kill(pid, signal.SIGSTOP)  # so that it takes no notice of what it is sent
        one.submit(math.sqrt, 4.0)
        os.kill(pid, signal.SIGKILL)
        assert one.wait() == [(1, 2.0)]
