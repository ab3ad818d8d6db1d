"""Files that are written whole or not at all, and one line for whatever the disk refuses."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import RunError
from vitnas.plain import plain


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write a file whole or not at all, even if the machine stops in between.

    Raises:
        RunError: it cannot be written. What was there before still is.
    """
    _atomic(Path(path), lambda file: file.write(text.encode()))


def atomic_write_json(path: str | Path, data: Any, *, indent: int | None = 2) -> None:
    """As ``atomic_write_text``, for JSON; non-finite floats become null."""
    atomic_write_text(path, json.dumps(plain(data), allow_nan=False, indent=indent) + "\n")


def atomic_write_npz(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As ``atomic_write_text``, for arrays by name; no array of objects."""
    named: dict[str, Any] = dict(arrays)
    assert not any(np.asarray(array).dtype.hasobject for array in named.values())
    _atomic(Path(path), lambda file: np.savez(file, **named))


def atomic_write_parts(path: str | Path, parts: Iterable[bytes | memoryview]) -> None:
    """As ``atomic_write_text``, for what comes in parts and need not fit in memory."""
    _atomic(Path(path), lambda file: file.writelines(parts))


def _atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with reported(path, "write"):
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # mkstemp makes files that only their owner reads
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def reported(path: Path, action: str) -> Iterator[None]:
    """Turn an ``OSError`` into one line that says what to do."""
    try:
        yield
    except OSError as problem:
        why = problem.strerror or str(problem)
        hint = (
            "" if action == "read" else "; nothing recorded is lost: put that right and go on with `resume`"
        )
        raise RunError(f"cannot {action} {path}: {why}{hint}") from problem
