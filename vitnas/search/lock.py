"""One driver for each run folder."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import weakref
from pathlib import Path
from types import TracebackType

from vitnas.errors import RunError, RunLocked

NAME = ".lock"


class RunLock:
    """Held by the process that writes a run folder; the system lets go of it when that process ends.

    The file stays, and says who holds or held it. A dead process' lock is free at once, whatever killed
    it, and worker processes do not keep it alive.

    Args:
        folder: the run folder, which exists.

    Raises:
        RunLocked: another process holds it; names that process.
        RunError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / NAME
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as problem:
            raise RunError(f"cannot lock the run folder {folder}: {problem.strerror}") from None
        if not _try_lock(self._fd):
            holder = _holder(self.path)
            self._close()
            raise RunLocked(
                f"{folder} is being written by {holder}; wait until it ends, stop it, or take another --name"
            )
        self._write_holder()
        _held.add(self)

    def _write_holder(self) -> None:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, json.dumps(holder).encode(), 0)
        except OSError as problem:
            self._close()
            raise RunError(f"cannot lock the run folder {self.path.parent}: {problem.strerror}") from None

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
