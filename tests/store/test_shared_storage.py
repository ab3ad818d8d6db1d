"""The lock between machines: processes that say they are on machines of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vitnas.errors import RunError, RunLocked
from vitnas.store import claims
from vitnas.store.lock import NAME, RunLock, Timing, live_holder

QUICK = Timing(beat_s=0.05, stale_s=0.4, watch_s=0.2)
PATIENT = Timing(
    beat_s=0.05, stale_s=20, watch_s=0.2
)  # a live holder is not taken for gone, however busy we are
# a machine of its own, whose locks reach nobody else's
ELSEWHERE = """
import os, sys, time
from pathlib import Path
from vitnas.errors import RunError
from vitnas.store.lock import RunLock, Timing
from vitnas.store import claims
from vitnas.store import system
claims.this_machine = lambda: sys.argv[2]
system.try_lock = lambda fd: True
folder, timing = Path(sys.argv[1]), Timing(*map(float, sys.argv[3:6]))
"""
HOLD = """
lock = RunLock(folder, timing=timing)
print("held", flush=True)
sys.stdin.readline()
try:
    lock.check()
    print("still mine", flush=True)
except RunError as error:
    print(error, flush=True)
"""
# what a lock is for: never two at once. Everybody takes ROUNDS turns.
COMPETE = """
done = 0
while done < int(sys.argv[6]):
    try:
        with RunLock(folder, timing=timing) as lock:
            os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
            time.sleep(0.002)
            (folder / "inside").unlink()
            done += 1
    except RunError:
        time.sleep(0.002)
"""


def start(folder: Path, program: str, machine: str, timing: Timing, *more: str) -> subprocess.Popen[str]:
    times = [str(t) for t in (timing.beat_s, timing.stale_s, timing.watch_s)]
    command = [sys.executable, "-c", ELSEWHERE + program, str(folder), machine, *times, *more]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def elsewhere(folder: Path, timing: Timing = QUICK) -> Iterator[subprocess.Popen[str]]:
    process = start(folder, HOLD, "other", timing)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_live_holder_on_another_machine_is_seen_by_its_next_sign_of_life(tmp_path: Path) -> None:
    with elsewhere(tmp_path, PATIENT) as process:
        assert live_holder(tmp_path, claims.server_time(tmp_path)).pid == process.pid
        with (
            pytest.warns(UserWarning, match="waiting up to"),
            pytest.raises(RunLocked, match=rf"process {process.pid} on "),
        ):
            RunLock(tmp_path, timing=PATIENT)


def test_the_lock_of_a_machine_that_is_gone_is_taken_over_with_a_warning(tmp_path: Path) -> None:
    with elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
        with pytest.warns(UserWarning, match="taken over") as said, RunLock(tmp_path, timing=QUICK) as lock:
            lock.check()
    assert "waiting up to" in str(said[0].message)
    assert f"process {process.pid} on " in str(said[-1].message)
    assert "no sign of life" in str(said[-1].message) and "taken over" in str(said[-1].message)


def test_who_was_taken_for_gone_learns_it_before_it_writes(tmp_path: Path) -> None:
    with elsewhere(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.warns(UserWarning, match="taken over"):
            lock = RunLock(tmp_path, timing=QUICK)
        with lock:
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate("\n")
            assert f"process {os.getpid()} on " in said and "has taken over" in said
            lock.check()


def test_a_lock_that_was_let_go_is_free_at_once(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    with RunLock(tmp_path):
        pass
    assert claims.latest(tmp_path, NAME).released
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "this_machine", lambda: "other")
        with RunLock(tmp_path):
            pass
    assert not recwarn.list


def test_the_clock_is_the_file_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = claims.Holder("t", 1, "1", "other", "gone", "then")
    os.close(claims.create(tmp_path, NAME, 1, gone))
    renewed = claims.latest(tmp_path, NAME).renewed
    monkeypatch.setattr(time, "time", lambda: renewed + 1e9)  # ours is 30 years ahead
    assert live_holder(tmp_path, claims.server_time(tmp_path)).host == "gone"
    assert live_holder(tmp_path, renewed + 100) is None
    monkeypatch.setattr(claims, "server_time", lambda folder: renewed + 100)
    with pytest.warns(UserWarning, match="100 s; its lock is taken over"):
        RunLock(tmp_path, timing=Timing(watch_s=0.1)).release()


def test_a_claim_that_was_not_written_completely(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.3").touch()
    assert live_holder(tmp_path) is None
    with pytest.warns(UserWarning, match="another process has given no sign of life"):
        lock = RunLock(tmp_path, timing=QUICK)
    with lock:
        assert claims.latest(tmp_path, NAME).number == 4


def test_what_was_judged_free_may_have_been_taken_and_followed_meanwhile(tmp_path: Path) -> None:
    """Number 4 was taken, let go and removed by 5 while we were about to make it."""
    os.close(claims.create(tmp_path, NAME, 5, claims.this_process()))
    assert claims.create(tmp_path, NAME, 4, claims.this_process()) is None
    assert claims.create(tmp_path, NAME, 5, claims.this_process()) is None
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.5"]


def test_no_sign_of_life_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(fd: int, holder: claims.Holder) -> None:
        raise OSError(30, "Read-only file system")

    with RunLock(tmp_path, timing=QUICK) as lock:
        monkeypatch.setattr(claims, "renew", refused)
        time.sleep(QUICK.stale_s)
        with pytest.raises(RunError, match=r"cannot keep the lock of the folder .*: Read-only file system"):
            lock.check()


def test_two_never_hold_it_at_once(tmp_path: Path) -> None:
    """Three machines whose system locks do not reach each other take turns after one that was killed."""
    with elsewhere(tmp_path, PATIENT) as process:
        process.kill()
    timing = Timing(beat_s=0.05, stale_s=3, watch_s=0.5)
    competing = [start(tmp_path, COMPETE, name, timing, "6") for name in "abc"]
    for process in competing:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert not (tmp_path / "inside").exists()
