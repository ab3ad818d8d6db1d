"""What the operating system says: its lock on a file, and whether a process lives."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

# what file systems without locks answer (some network and FUSE mounts)
UNSUPPORTED = frozenset(
    {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL, errno.ENOTTY}
)


def try_lock(fd: int) -> bool | None:
    """Take the lock of an open file, without waiting. It is free as soon as its process ends.

    Returns:
        whether we have it now; None where the file system has no locks.

    Raises:
        OSError: anything else went wrong.
    """
    try:
        return _try_lock(fd)
    except OSError as problem:
        if problem.errno in UNSUPPORTED:
            return None
        raise


def started(pid: int) -> str | None:
    """When a process began, as the system says it; None if it has ended, empty where it is not said."""
    if not Path("/proc/self/stat").exists():
        return "" if _exists(pid) else None
    try:
        # behind the command's name, which may hold anything: the state is first, the start 20th
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


if sys.platform == "win32":
    import ctypes
    import msvcrt

    def _exists(pid: int) -> bool:
        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # may ask for little
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)

    def _try_lock(fd: int) -> bool:
        os.lseek(fd, 1 << 20, os.SEEK_SET)  # behind what others read
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _exists(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except PermissionError:  # somebody else's
            return True
        except OSError:
            return False
        return True

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
