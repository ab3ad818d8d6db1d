"""One driver for each run folder."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from pathlib import Path
from types import TracebackType
from typing import Self

from vitnas.errors import RunError, RunLocked


class RunLock:
    """Holds ``.lock`` in a run folder; the lock of a process that has died is taken over.

    Raises:
        RunLocked: another process works on the run; the message names it.
        RunError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / ".lock"

    def __enter__(self) -> Self:
        text = json.dumps({"pid": os.getpid(), "host": platform.node(), "started": _started(os.getpid())})
        for _ in range(2):
            try:
                with self.path.open("x", encoding="utf-8") as file:
                    file.write(text)
                return self
            except FileExistsError:
                self._remove_if_dead()
            except OSError as problem:
                raise RunError(f"cannot write in {self.path.parent}: {problem.strerror}") from None
        raise RunLocked(f"{self.path.parent}: another process has just begun to work on this run")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _remove_if_dead(self) -> None:
        try:
            owner = json.loads(self.path.read_text(encoding="utf-8"))
            pid, host, started = int(owner["pid"]), str(owner["host"]), owner.get("started")
        except (OSError, ValueError, KeyError, TypeError):
            pid, host, started = -1, platform.node(), None  # cut off while it was written
        if host != platform.node():
            raise RunLocked(
                f"{self.path.parent}: process {pid} on {host} works on this run; "
                f"if it is gone, remove {self.path}"
            )
        if pid > 0 and _alive(pid) and _started(pid) == started:
            raise RunLocked(f"{self.path.parent}: process {pid} works on this run; wait for it or stop it")
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str | None:
    """When a process began, where the system says it: a number that is used again is another process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None
