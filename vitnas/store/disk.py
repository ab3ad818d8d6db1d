"""Files that are written whole or not at all, and one line for whatever the disk refuses."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import itertools
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vitnas.errors import RunError
from vitnas.plain import plain
from vitnas.store.system import try_lock

if TYPE_CHECKING:
    from numpy.typing import NDArray

Write = Callable[[IO[bytes]], object]
_SCRATCH = re.compile(r"\..+\.[0-9a-z_]{8}\.tmp", re.DOTALL)
_LONGEST_NAME = 200  # bytes; a scratch file's is longer by 14, and 255 is what file systems take
_STALE_S = 3600.0  # without locks: a scratch file that is older belongs to nobody
LONGEST_STEM = 200  # of a folder: file systems take 255


def atomic_write(path: str | Path, write: Write) -> None:
    """Write a file whole or not at all, even if the machine stops in between.

    It is written beside its place under a scratch name, brought to the disk, and put there. What killed
    commands have left of the same file goes. A link stays one; a device or a pipe is written straight.

    Args:
        path: of the file; its folder exists.
        write: is given the open scratch file.

    Raises:
        RunError: it cannot be written; names it. What was there before still is.
    """
    with reported(path, "write"):
        target = Path(os.path.realpath(path))
        before = _before(target)
        if before is not None and not stat.S_ISREG(before.st_mode):
            with target.open("wb") as stream:
                write(stream)
            return
        sweep(target.parent, target.name)
        _replace(target, before, write)
        _sync_folder(target.parent)


def atomic_write_text(path: str | Path, text: str) -> None:
    """As ``atomic_write``, for text in UTF-8."""
    atomic_write(path, lambda file: file.write(text.encode()))


def atomic_write_json(path: str | Path, data: Any, *, indent: int | None = 2) -> None:
    """As ``atomic_write``, for JSON; non-finite floats become null."""
    atomic_write_text(path, json.dumps(plain(data), allow_nan=False, indent=indent) + "\n")


def atomic_write_csv(path: str | Path, rows: Iterable[Sequence[object]]) -> None:
    """As ``atomic_write``, for a table whose first row is its header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    atomic_write_text(path, text.getvalue())


def atomic_write_npz(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As ``atomic_write``, for arrays by name; no array of objects."""
    import numpy as np

    named: dict[str, Any] = dict(arrays)
    assert not any(np.asarray(array).dtype.hasobject for array in named.values())
    atomic_write(path, lambda file: np.savez(file, **named))


def atomic_write_parts(path: str | Path, parts: Iterable[bytes | memoryview]) -> None:
    """As ``atomic_write``, for what comes in parts and need not fit in memory."""
    atomic_write(path, lambda file: file.writelines(parts))


def make_folder(path: str | Path) -> None:
    """Make a folder and those above it; it may be there.

    Raises:
        RunError: it cannot be made; names it.
    """
    with reported(path, "make"):
        Path(path).mkdir(parents=True, exist_ok=True)


def require_place(path: str | Path) -> None:
    """Whether a folder can be made, as far as can be said without making it.

    Raises:
        RunError: what is there is no folder, or nobody may write into it.
    """
    whole = Path(path).absolute()
    there = next(folder for folder in (whole, *whole.parents) if os.path.lexists(folder))
    if not there.is_dir():
        raise RunError(f"cannot make {path}: {there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"cannot make {path}: {there} cannot be written")


def new_folder(root: str | Path, stem: str) -> Path:
    """Make the first free ``root/stem-N``: two commands never get the same.

    Raises:
        RunError: it cannot be made.
    """
    make_folder(root)
    for number in itertools.count(1):
        path = Path(root) / f"{stem[:LONGEST_STEM]}-{number}"
        with reported(path, "make"), contextlib.suppress(FileExistsError):
            path.mkdir()
            break
    return path


def write_folder(root: Path, stem: str, write: Callable[[Path], object]) -> Path:
    """Write a folder with all that belongs into it, or none; what killed commands have left of it goes.

    Args:
        root: exists.
        stem: of its name: the first free of ``root/stem``, ``root/stem-2`` ... is taken.
        write: is given the scratch folder.

    Raises:
        RunError: it cannot be written.
    """
    sweep(root, stem)
    scratch = root / f".{stem}.{secrets.token_hex(4)}.tmp"
    with reported(scratch, "make"):
        scratch.mkdir()
    try:
        with _marked_alive(scratch):
            write(scratch)
            return _settle(scratch, stem)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _settle(scratch: Path, stem: str) -> Path:
    for number in itertools.count(1):
        path = scratch.with_name(stem if number == 1 else f"{stem}-{number}")
        with reported(path, "make"):
            try:
                if not path.exists():
                    scratch.rename(path)
                    _sync_folder(path.parent)
                    break
            except OSError:
                if not path.exists():  # else another command has just made it
                    raise
    return path


def sweep(folder: str | Path, name: str | None = None) -> None:
    """Remove the scratch files that killed commands have left; those of living ones stay.

    Args:
        folder: that they stand in.
        name: of the file that they were to become; None for all, in a folder that only we write.
    """
    stem = None if name is None else f".{_short(name)}."
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _SCRATCH.fullmatch(entry.name) and (stem is None or entry.name[:-12] == stem):
                _remove_left(entry.path)


def sweep_tree(folder: str | Path) -> None:
    """As ``sweep``, for all scratch files in a folder that only we write, and in those under it."""
    for place, _, _ in os.walk(folder):
        sweep(place)


def _before(target: Path) -> os.stat_result | None:
    """What is there now.

    Raises:
        OSError: it is a folder, or must not be written.
    """
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return found


def _replace(target: Path, before: os.stat_result | None, write: Write) -> None:
    file, scratch = _open_scratch(target)
    try:
        if before is not None and os.name == "posix":
            with contextlib.suppress(OSError):  # somebody else's: then it becomes ours
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
        write(file)
        file.flush()
        os.fsync(file.fileno())
        if sys.platform == "win32":  # moves no open file
            file.close()
        os.replace(scratch, target)  # while the lock is held: else who sweeps might take it
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise
    finally:
        with contextlib.suppress(OSError):  # of what could not be written; everything else is on the disk
            file.close()


def _open_scratch(target: Path) -> tuple[IO[bytes], Path]:
    """A new file that is ours by its lock, as long as it is open."""
    while True:
        scratch = target.with_name(f".{_short(target.name)}.{secrets.token_hex(4)}.tmp")
        try:
            file = open(scratch, "xb")  # noqa: SIM115 the caller closes it
        except FileExistsError:
            continue
        if try_lock(file.fileno()) is not False and (os.name != "posix" or os.fstat(file.fileno()).st_nlink):
            return file, scratch
        file.close()  # who sweeps was quicker


def _short(name: str) -> str:
    return name if len(os.fsencode(name)) <= _LONGEST_NAME else name[: _LONGEST_NAME // 4]


def _remove_left(scratch: str) -> None:
    """Remove a scratch file or folder, unless the process that writes it lives."""
    with contextlib.suppress(OSError), _marked_alive(Path(scratch)) as is_free:
        if is_free is None:
            is_free = time.time() - os.stat(scratch).st_mtime > _STALE_S
        if is_free and os.path.isdir(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
        elif is_free:
            os.unlink(scratch)


@contextlib.contextmanager
def _marked_alive(scratch: Path) -> Iterator[bool | None]:
    """Hold the lock of a scratch file or folder; gives what `try_lock` says of it."""
    if os.name != "posix" and scratch.is_dir():
        yield None  # folders have no locks there
        return
    fd = os.open(scratch, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        yield try_lock(fd)
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def reported(path: str | Path, action: str) -> Iterator[None]:
    """Turn an ``OSError`` into one line that names the file."""
    try:
        yield
    except OSError as problem:
        raise RunError(f"cannot {action} {path}: {problem.strerror or problem}") from None
