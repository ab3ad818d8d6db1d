"""The lock of a folder: held by one process, on one machine or on storage that several share."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vitnas.errors import RunError, RunLocked
from vitnas.store import claims, system
from vitnas.store.claims import Claim, Holder

NAME = ".lock"
POLL_S = 0.5


@dataclass(frozen=True)
class Timing:
    """How a lock shows that its holder lives.

    Attributes:
        beat_s: between signs of life.
        stale_s: a holder on another machine that has given none for so long, by the file server's clock,
            is gone.
        watch_s: who takes over has seen none for so long itself, so that a file server that was away for a
            while takes nobody's lock.
    """

    beat_s: float = 5.0
    stale_s: float = 45.0
    watch_s: float = 12.0


TIMING = Timing()


class RunLock:
    """Held by the process that writes a folder.

    On one machine the system's lock on ``NAME`` decides: it is free as soon as its process ends, whatever
    ended it, and worker processes do not keep it alive. Between machines, and where a file system has no
    locks, the files ``NAME.1``, ``NAME.2`` ... decide (``claims.py``): the lock of a machine that is gone is
    taken over after ``Timing.stale_s``, with a warning. Who was taken for gone but was not learns it from
    ``check``, before the next write.

    Args:
        folder: exists.
        name: of the lock's file in it.
        option: that takes another folder, for the error.
        timing: signs of life.

    Raises:
        RunLocked: another process holds it; names that process.
        RunError: the folder cannot be written.
    """

    def __init__(
        self, folder: str | Path, name: str = NAME, option: str = "`name`", timing: Timing = TIMING
    ) -> None:
        self.path = Path(folder) / name
        self.timing = timing
        self._option = option
        self._fd = self._claim_fd = -1
        self._holder = claims.this_process()
        self._lost: RunError | None = None
        self._over = threading.Event()
        self._renewing = threading.Lock()
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
            self._number = self._acquire(system.try_lock(self._fd))
        except OSError as problem:
            self._close()
            raise RunError(f"cannot lock the folder {folder}: {problem.strerror}") from None
        except BaseException:
            self._close()
            raise
        self._renewed = _clock()
        _held.add(self)
        threading.Thread(target=self._beat, daemon=True, name="vitnas-lock").start()

    def _acquire(self, ours: bool | None) -> int:
        """The number of our claim. ``ours`` is whether we have the system's lock; None if there is none."""
        folder, name = self.path.parent, self.path.name
        while True:
            found = claims.latest(folder, name)
            if found is None or found.released:
                if ours is False:  # somebody who is about to make a claim
                    raise self._refused(None)
            else:
                self._outlive(found, ours)
            number = found.number + 1 if found else 1
            fd = claims.create(folder, name, number, self._holder)
            if fd is not None:
                self._claim_fd = fd
                return number

    def _outlive(self, found: Claim, ours: bool | None) -> None:
        """Return once the holder of a claim has let go or is gone; refuse if it lives."""
        holder = found.holder
        if holder is not None and holder.is_here:
            if holder.is_alive and ours is not True:
                raise self._refused(holder)
            if not holder.is_alive and ours is not False:
                return
        folder, timing = self.path.parent, self.timing
        began = time.monotonic()
        age = claims.server_time(folder) - found.renewed
        who = holder or "another process"
        wait = max(timing.stale_s - age, timing.watch_s)
        warnings.warn(
            f"{folder} is held by {who}; its last sign of life is {max(age, 0):.0f} s old: "
            f"waiting up to {wait:.0f} s for another one",
            stacklevel=4,
        )
        while age <= timing.stale_s or time.monotonic() - began < timing.watch_s:
            time.sleep(min(POLL_S, timing.beat_s))
            now = claims.latest(folder, self.path.name)
            if now is None or now.released:
                return
            if (now.number, now.data) != (found.number, found.data):
                raise self._refused(now.holder)
            age = claims.server_time(folder) - found.renewed
        warnings.warn(
            f"{folder}: {who} has given no sign of life for {age:.0f} s; its lock is taken over", stacklevel=4
        )

    def _refused(self, holder: Holder | None) -> RunLocked:
        return RunLocked(
            f"{self.path.parent} is being written by {holder or 'another process'}; "
            f"wait until it ends, stop it, or take another {self._option}"
        )

    def check(self) -> None:
        """Before a write: whether the folder is still ours. Costs next to nothing.

        Raises:
            RunLocked: this process was silent for so long that another one has taken over.
            RunError: no sign of life could be written for so long that another one might.
        """
        if self._lost is None and _clock() - self._renewed > self.timing.stale_s / 2:
            self._renew()
        if self._lost is not None:
            raise self._lost

    def _beat(self) -> None:
        while not self._over.wait(self.timing.beat_s):
            self._renew()

    def _renew(self) -> None:
        with self._renewing:
            if self._claim_fd < 0 or self._lost is not None:
                return
            folder = self.path.parent
            try:
                now = claims.latest(folder, self.path.name)
                if now is None or now.number != self._number:
                    silent = f"this process gave no sign of life for {_clock() - self._renewed:.0f} s"
                    taken = f"{(now and now.holder) or 'another process'} has taken over"
                    self._lost = RunLocked(f"{folder}: {silent}, and {taken}; nothing more is written")
                    return
                self._holder = dataclasses.replace(self._holder, beat=self._holder.beat + 1)
                claims.renew(self._claim_fd, self._holder)
            except OSError as problem:
                if _clock() - self._renewed > self.timing.stale_s / 2:
                    self._lost = RunError(f"cannot keep the lock of the folder {folder}: {problem.strerror}")
                return
            self._renewed = _clock()

    def release(self) -> None:
        """Let go; a second time does nothing."""
        _held.discard(self)
        self._over.set()
        with self._renewing:
            if self._claim_fd >= 0 and self._lost is None:
                with contextlib.suppress(OSError):  # then the next one waits until it is stale
                    claims.renew(self._claim_fd, dataclasses.replace(self._holder, released=True))
            self._close()

    def _close(self) -> None:
        for fd in (self._claim_fd, self._fd):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
        self._fd = self._claim_fd = -1

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def live_holder(folder: str | Path, now_s: float | None = None) -> Holder | None:
    """Who writes a folder at present; None if nobody does. Disturbs nobody and does not wait.

    Args:
        now_s: the file server's clock (`claims.server_time`); None for ours.

    Raises:
        OSError: the folder cannot be read.
    """
    found = claims.latest(Path(folder), NAME)
    if found is None or found.released or found.holder is None:
        return None
    if found.holder.is_here:
        return found.holder if found.holder.is_alive else None
    age = (time.time() if now_s is None else now_s) - found.renewed
    return found.holder if age <= TIMING.stale_s else None


def _clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


_held: set[RunLock] = set()


def _let_go_in_child() -> None:
    """A forked worker shares the lock, and would keep it if the driver were killed."""
    for lock in _held:
        lock._close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
