"""The lock within one machine, where the system's lock decides."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vitnas.errors import RunError, RunLocked
from vitnas.store import claims
from vitnas.store.lock import NAME, RunLock, live_holder

HOLD = """
import os, sys, time
from vitnas.store.lock import RunLock
lock = RunLock(sys.argv[1])
print("held", flush=True)
"""
WAIT = "sys.stdin.read()"
FORK_AND_WAIT = """
worker = os.fork()
if not worker:
    print(os.getpid(), flush=True)  # by now it has let go
    time.sleep(60)
sys.stdin.read()
"""


@contextmanager
def holder(folder: Path, then: str = WAIT) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is ended."""
    command = [sys.executable, "-c", HOLD + then, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_driver_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(RunLocked, match=rf"process {process.pid} on ") as error:
            RunLock(tmp_path)
        assert "\n" not in str(error.value)
        assert live_holder(tmp_path).pid == process.pid
        process.kill()
        process.wait()
        assert live_holder(tmp_path) is None
        with RunLock(tmp_path):
            assert live_holder(tmp_path).pid == os.getpid()


def test_in_one_process_as_well(tmp_path: Path) -> None:
    with RunLock(tmp_path) as lock:
        with pytest.raises(RunLocked, match=f"process {os.getpid()} "):
            RunLock(tmp_path)
        lock.check()
        lock.release()
        lock.release()
        with RunLock(tmp_path):
            pass
    assert live_holder(tmp_path) is None


def test_a_killed_process_is_recognised_where_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr("vitnas.store.system.try_lock", lambda fd: None)
    with holder(tmp_path) as process:
        with pytest.raises(RunLocked, match=rf"process {process.pid} on "):
            RunLock(tmp_path)
        process.kill()
        process.wait()
        with RunLock(tmp_path):
            pass
    assert not recwarn.list


def test_the_number_of_a_process_is_used_again(tmp_path: Path) -> None:
    old = claims.Holder("t", os.getpid(), "an earlier start", claims.this_machine(), "here", "long ago")
    os.close(claims.create(tmp_path, NAME, 7, old))
    assert live_holder(tmp_path) is None
    with RunLock(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f"{NAME}.8"]


def test_a_process_that_waits_to_be_reaped_is_dead(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert live_holder(tmp_path) is None


def test_who_is_about_to_claim_is_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitnas.store.system.try_lock", lambda fd: False)
    with pytest.raises(RunLocked, match="another process"):
        RunLock(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are not forked here")
def test_workers_do_not_keep_the_lock_of_a_killed_driver(tmp_path: Path) -> None:
    with holder(tmp_path, FORK_AND_WAIT) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        try:
            with pytest.raises(RunLocked):
                RunLock(tmp_path)
            process.kill()
            process.wait()
            with RunLock(tmp_path):
                os.kill(worker, 0)  # still alive
        finally:
            os.kill(worker, signal.SIGKILL)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot lock the folder"):
        RunLock(tmp_path / "missing")
