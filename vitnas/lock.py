"""One writer for each run folder, and for each measurement."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from types import TracebackType

from vitnas.errors import RunError, RunLocked

NAME = ".lock"


class RunLock:
    """Held by the process that writes a folder; the system lets go of it when that process ends.

    The file stays, and says who holds or held it. A dead process' lock is free at once, whatever killed
    it, and worker processes do not keep it alive.

    Args:
        folder: exists.
        name: of the lock's file in it.
        option: that takes another folder, for the error.

    Raises:
        RunLocked: another process holds it; names that process.
        RunError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path, name: str = NAME, option: str = "--name") -> None:
        self.path = Path(folder) / name
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as problem:
            raise RunError(f"cannot lock the folder {folder}: {problem.strerror}") from None
        try:
            free = _try_lock(self._fd)
        except OSError as problem:  # a file system without locks
            self._close()
            raise RunError(f"cannot lock the folder {folder}: {problem.strerror}") from None
        if not free:
            holder = _holder(self.path)
            self._close()
            raise RunLocked(
                f"{folder} is being written by {holder}; "
                f"wait until it ends, stop it, or take another {option}"
            )
        self._write_holder()
        _held.add(self)

    def _write_holder(self) -> None:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        try:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, json.dumps(holder).encode())
        except OSError as problem:
            self._close()
            raise RunError(f"cannot lock the folder {self.path.parent}: {problem.strerror}") from None

    def release(self) -> None:
        """Let go; a second time does nothing."""
        _held.discard(self)
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} on {holder['host']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        os.lseek(fd, 1 << 20, os.SEEK_SET)  # behind what others read
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_held: set[RunLock] = set()


def _let_go_in_child() -> None:
    """A forked worker shares the lock, and would keep it if the driver were killed."""
    for lock in _held:
        lock._close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
