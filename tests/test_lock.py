from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vitnas.errors import RunError, RunLocked
from vitnas.lock import NAME, RunLock

HOLD = """
import os, sys, time
from vitnas.lock import RunLock
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
        process.kill()
        process.wait()
        with RunLock(tmp_path):
            assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()


def test_in_one_process_as_well(tmp_path: Path) -> None:
    with RunLock(tmp_path) as lock:
        with pytest.raises(RunLocked, match=f"process {os.getpid()} "):
            RunLock(tmp_path)
        lock.release()
        with RunLock(tmp_path):
            pass


def test_a_file_left_by_a_dead_process_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"pid": os.getpid(), "host": "here", "since": "long ago"}))
    with RunLock(tmp_path):
        pass


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
