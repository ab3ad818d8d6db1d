"""Files that survive what happens to their process: an append-only log, and whole-or-nothing writes."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import RunCorrupt, RunError

Record = Mapping[str, Any]


class EvaluationLog:
    """One JSON object a line, each on the disk before ``append`` returns.

    A process that is killed, or a disk that is full, can leave half a line at the end at most. It is cut
    off with a warning when the log is opened again. Non-finite floats are written as null.

    Args:
        path: the file; made if it is missing.

    Attributes:
        recovered: what was cut off on opening, in a sentence; empty if nothing was.

    Raises:
        RunCorrupt: a line in the middle is broken.
        RunError: the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.recovered = ""
        with _reported(self.path, "open"):
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._size = self._repair()
        except BaseException:
            self.close()
            raise

    def _repair(self) -> int:
        """Cut off half a line; the size of what is left."""
        data = self.path.read_bytes()
        good = _parse(data, self.path)[1]
        if good < len(data):
            self.recovered = _cut(self.path, data, good)
            warnings.warn(self.recovered, stacklevel=4)
            with _reported(self.path, "repair"):
                os.ftruncate(self._fd, good)
        if good and data[good - 1 : good] != b"\n":  # only the end of the last line is missing
            self._size = good
            self._write(b"\n", durable=True)
            return self._size
        return good

    def append(self, record: Record, *, durable: bool = True) -> None:
        """Add one line.

        Args:
            record: what ``json`` can write; NumPy numbers and arrays too.
            durable: wait until the disk has it (about 1 ms).

        Raises:
            RunError: it could not be written. The log is as it was before.
        """
        self._write(_line(record), durable)

    def append_many(self, records: Iterable[Record], *, durable: bool = True) -> None:
        """Add lines with one wait for the disk."""
        self._write(b"".join(_line(record) for record in records), durable)

    def _write(self, data: bytes, durable: bool) -> None:
        with _reported(self.path, "write"):
            try:
                os.lseek(self._fd, self._size, os.SEEK_SET)
                view = memoryview(data)
                while view:
                    view = view[os.write(self._fd, view) :]
                if durable:
                    os.fsync(self._fd)
            except OSError:
                with contextlib.suppress(OSError):  # else opening it again will cut off the rest
                    os.ftruncate(self._fd, self._size)
                raise
        self._size += len(data)

    def records(self) -> list[dict[str, Any]]:
        """All lines written so far."""
        return read_log(self.path)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> EvaluationLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a log; half a line at its end is left out with a warning, and left in the file.

    Raises:
        RunCorrupt: a line in the middle is broken; names it.
        RunError: the file cannot be read.
    """
    file = Path(path)
    with _reported(file, "read"):
        data = file.read_bytes()
    records, good = _parse(data, file)
    if good < len(data):
        warnings.warn(_cut(file, data, good), stacklevel=2)
    return records


def _parse(data: bytes, path: Path) -> tuple[list[dict[str, Any]], int]:
    """Records, and the number of bytes up to the end of the last whole one."""
    records: list[dict[str, Any]] = []
    lines = data.split(b"\n")
    good = 0
    for number, line in enumerate(lines, start=1):
        record = _object(line)
        if record is None and line.strip():
            if any(rest.strip() for rest in lines[number:]):
                problem = f"{path}: line {number} is broken"
                raise RunCorrupt(
                    f"{problem}; restore the file from a copy, or delete that line to do without it"
                )
            break
        if record is not None:
            records.append(record)
        good = min(good + len(line) + 1, len(data))
    return records, good


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:  # UnicodeDecodeError is one too
        return None
    return found if isinstance(found, dict) else None


def _cut(path: Path, data: bytes, good: int) -> str:
    line = data[:good].count(b"\n") + 1
    return f"{path}: line {line} was not written completely ({len(data) - good} bytes) and is left out"


def _line(record: Record) -> bytes:
    return (_dumps(record) + "\n").encode()


def _dumps(data: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(data, default=_plain, allow_nan=False, indent=indent)
    except ValueError:  # a nan or an infinity, which JSON does not have
        return json.dumps(_finite(data), default=_plain, allow_nan=False, indent=indent)


def _plain(value: object) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def _finite(data: Any) -> Any:
    if isinstance(data, np.ndarray | np.generic):
        data = data.tolist()
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return [_finite(value) for value in data]
    return data


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write a file whole or not at all, even if the machine stops in between.

    Raises:
        RunError: it cannot be written. What was there before still is.
    """
    _atomic(Path(path), lambda file: file.write(text.encode()))


def atomic_write_json(path: str | Path, data: Any, *, indent: int | None = 2) -> None:
    """As ``atomic_write_text``, for JSON; non-finite floats become null."""
    atomic_write_text(path, _dumps(data, indent) + "\n")


def atomic_write_npz(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As ``atomic_write_text``, for arrays by name; no array of objects."""
    plain: dict[str, Any] = dict(arrays)
    assert not any(np.asarray(array).dtype.hasobject for array in plain.values())
    _atomic(Path(path), lambda file: np.savez(file, **plain))


def _atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with _reported(path, "write"):
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
def _reported(path: Path, action: str) -> Iterator[None]:
    """Turn an ``OSError`` into one line that says what to do."""
    try:
        yield
    except OSError as problem:
        why = problem.strerror or str(problem)
        hint = (
            "" if action == "read" else "; nothing recorded is lost: put that right and go on with --resume"
        )
        raise RunError(f"cannot {action} {path}: {why}{hint}") from problem
