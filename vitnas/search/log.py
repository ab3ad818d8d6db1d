"""The append-only log of evaluations, and files that are written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import RunCorrupt, RunError

Record = dict[str, Any]


class EvaluationLog:
    """JSON lines that are only ever appended; a line is on disk before ``append`` returns.

    A last line that was cut off (the process died while writing it) is dropped with a warning when the log
    is opened; a broken line anywhere else is an error.

    Raises:
        RunCorrupt: a line in the middle is no JSON; the message names it.
        RunError: the file cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._records = self._load()
        try:
            self._file: BinaryIO = self.path.open("ab")
        except OSError as problem:
            raise _unwritable(self.path, problem) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was appended is on disk already."""
        self._file.close()

    def read(self) -> list[Record]:
        """All records that were in the file when it was opened."""
        return self._records

    def append(self, record: Mapping[str, Any], *, durable: bool = True) -> None:
        """Add one line.

        Args:
            record: JSON; what is not finite becomes null.
            durable: wait until it is on disk.
        """
        self.append_many([record], durable=durable)

    def append_many(self, records: Sequence[Mapping[str, Any]], *, durable: bool = True) -> None:
        """Add lines in one write, all of them or none."""
        text = "".join(json.dumps(_finite(record), separators=(",", ":")) + "\n" for record in records)
        end = self._file.tell()
        try:
            self._file.write(text.encode())
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
        except OSError as problem:
            self._undo(end)
            raise _unwritable(self.path, problem) from None

    def _undo(self, end: int) -> None:
        """Cut off half a line after a failed write; if that fails too, opening the log again does it."""
        try:
            os.ftruncate(self._file.fileno(), end)
        except OSError:
            return

    def _load(self) -> list[Record]:
        if not self.path.exists():
            return []
        try:
            data = self.path.read_bytes()
        except OSError as problem:
            raise RunError(f"cannot read {self.path}: {problem.strerror}") from None
        whole = data.rfind(b"\n") + 1
        records = [self._parsed(line, n) for n, line in enumerate(data[:whole].splitlines(), start=1)]
        if whole < len(data):
            warnings.warn(f"{self.path}: dropped a last line that was cut off", stacklevel=3)
            try:
                os.truncate(self.path, whole)
            except OSError as problem:
                raise _unwritable(self.path, problem) from None
        return records

    def _parsed(self, line: bytes, number: int) -> Record:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise RunCorrupt(f"{self.path}:{number}: not a JSON record; remove the line to measure it again")
        return record


def _finite(value: Any) -> Any:
    """``value`` with null in place of what JSON cannot say."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file so that at any moment the old or the new one is there, whole.

    Raises:
        RunError: it cannot be written (a full disk, a read-only folder); the old file is untouched.
    """
    target = Path(path)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    except OSError as problem:
        scratch.unlink(missing_ok=True)
        raise _unwritable(target, problem) from None


def atomic_write_text(path: str | Path, text: str) -> None:
    """:func:`atomic_write_bytes` of UTF-8 text."""
    atomic_write_bytes(path, text.encode())


def atomic_write_json(path: str | Path, data: Any) -> None:
    """:func:`atomic_write_bytes` of JSON; what is not finite becomes null."""
    atomic_write_text(path, json.dumps(_finite(data), indent=1) + "\n")


def atomic_write_npz(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """:func:`atomic_write_bytes` of arrays by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]
    atomic_write_bytes(path, buffer.getvalue())


def _unwritable(path: Path, problem: OSError) -> RunError:
    return RunError(
        f"cannot write {path}: {problem.strerror or problem}; all that was recorded before is safe: "
        "make room or allow writing there, then go on with --resume"
    )
