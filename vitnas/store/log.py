"""An append-only log of evaluations that survives what happens to its process."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from vitnas.errors import RunCorrupt
from vitnas.plain import plain
from vitnas.store.disk import reported

Record = Mapping[str, Any]
_FLAGS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
_CHUNK = 4096  # bytes that hold a usual line


class EvaluationLog:
    """One JSON object a line, each on the disk before ``append`` returns.

    A process that is killed, or a disk that is full, can leave half a line at the end at most. It is cut
    off with a warning when the log is opened again. Non-finite floats are written as null.

    Of a million lines only the place of each key is kept in memory (about 250 bytes), and a record is read
    again where it is asked for.

    Args:
        path: the file; made if it is missing.
        guard: called before every write; raises where this process may write no longer.
        key: of a record, which ``find`` takes; None where it has none. Without it the record's ``task``.

    Attributes:
        recovered: what was cut off on opening, in a sentence; empty if nothing was.

    Raises:
        RunCorrupt: a line in the middle is broken.
        RunError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        guard: Callable[[], None] | None = None,
        key: Callable[[Record], Hashable] = lambda record: record.get("task"),
    ) -> None:
        self.path = Path(path)
        self._guard = guard
        self._key = key
        self.recovered = ""
        self._places: dict[Hashable, int] = {}  # key -> offset of its last line
        with reported(self.path, "open"):
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._size = self._repair()
        except BaseException:
            self.close()
            raise

    def _repair(self) -> int:
        """Cut off half a line; the size of what is left."""
        good = lines = 0
        for line in _scan(self.path):
            good, lines = line.end, lines + 1
            key = self._key(line.record) if line.record is not None else None
            if key is not None:
                self._places[key] = line.start
        size = os.fstat(self._fd).st_size
        if good < size:
            self.recovered = _cut(self.path, lines + 1, size - good)
            warnings.warn(self.recovered, stacklevel=4)
            with reported(self.path, "repair"):
                os.ftruncate(self._fd, good)
        if good and os.pread(self._fd, 1, good - 1) != b"\n":  # only the end of the last line is missing
            self._size = good
            self._write(b"\n")
            return self._size
        return good

    def append(self, record: Record) -> None:
        """Add one line; see ``append_many``."""
        self.append_many([record])

    def append_many(self, records: Iterable[Record]) -> None:
        """Add lines with one wait for the disk (about 1 ms).

        Args:
            records: what JSON holds; NumPy numbers and arrays too.

        Raises:
            RunError: they could not be written. The log is as it was before.
        """
        data = bytearray()
        places: dict[Hashable, int] = {}
        for record in records:
            key = self._key(record)
            if key is not None:
                places[key] = self._size + len(data)
            data += orjson.dumps(record, default=plain, option=_FLAGS)
        self._write(data)
        self._places |= places

    def _write(self, data: bytes | bytearray) -> None:
        if self._guard is not None:
            self._guard()
        with reported(self.path, "write"):
            try:
                os.lseek(self._fd, self._size, os.SEEK_SET)
                view = memoryview(data)
                while view:
                    view = view[os.write(self._fd, view) :]
                os.fsync(self._fd)
            except OSError:
                with contextlib.suppress(OSError):  # else opening it again will cut off the rest
                    os.ftruncate(self._fd, self._size)
                raise
        self._size += len(data)

    def __len__(self) -> int:
        """Keys that have a line."""
        return len(self._places)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._places

    def find(self, key: Hashable) -> dict[str, Any] | None:
        """The last line of a key; None if there is none."""
        place = self._places.get(key)
        if place is None:
            return None
        with reported(self.path, "read"):
            line = os.pread(self._fd, _CHUNK, place)
            while b"\n" not in line:
                line += os.pread(self._fd, 16 * _CHUNK, place + len(line))
        found: dict[str, Any] = orjson.loads(line[: line.index(b"\n")])
        return found

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
    return list(stream_log(path))


def stream_log(path: str | Path) -> Iterator[dict[str, Any]]:
    """As ``read_log``, one after the other: a log of a million lines takes no memory."""
    file = Path(path)
    good = lines = 0
    for line in _scan(file):
        good, lines = line.end, lines + 1
        if line.record is not None:
            yield line.record
    with reported(file, "read"):
        size = file.stat().st_size
    if good < size:
        warnings.warn(_cut(file, lines + 1, size - good), stacklevel=3)


def follow_log(path: str | Path, start: int = 0, size: int = 1 << 20) -> tuple[list[dict[str, Any]], int]:
    """What another thread or process has added to a log since.

    Args:
        path: the log; one that is not there yet is empty.
        start: offset to read from; 0, or what was returned before.
        size: bytes that are read at most, unless one line has more.

    Returns:
        records, and the offset behind them; a line that is still being written comes the next time.

    Raises:
        RunCorrupt: a line is broken.
        RunError: the file cannot be read.
    """
    file = Path(path)
    with reported(file, "read"):
        if not file.exists():
            return [], 0
        with file.open("rb") as lines:
            if lines.seek(0, os.SEEK_END) < start:
                start = 0  # it was cut back: whoever follows it has to know a record again
            lines.seek(start)
            data = lines.read(size)
            if len(data) == size and not data.endswith(b"\n"):
                data += lines.readline()
    data = data[: data.rfind(b"\n") + 1]
    records = []
    for line in data.split(b"\n"):
        record = parse_line(line)
        if record is not None:
            records.append(record)
        elif line.strip():
            raise RunCorrupt(f"{file}: a line behind byte {start} is broken")
    return records, start + len(data)


class _Line(NamedTuple):
    start: int  # offset of its first byte
    end: int  # offset behind its newline
    record: dict[str, Any] | None  # None where the line is blank


def _scan(path: Path) -> Iterator[_Line]:
    """The whole lines of a log, up to half a line at its end."""
    with reported(path, "read"), path.open("rb") as file:
        start = 0
        for number, line in enumerate(file, start=1):
            record = parse_line(line)
            if record is None and line.strip():
                if any(rest.strip() for rest in file):
                    problem = f"{path}: line {number} is broken"
                    raise RunCorrupt(
                        f"{problem}; restore the file from a copy, or do without that line: "
                        f"vitnas runs repair {path.parent}"
                    )
                return
            yield _Line(start, start + len(line), record)
            start += len(line)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None if it is none."""
    try:
        found = orjson.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _cut(path: Path, line: int, size: int) -> str:
    return f"{path}: line {line} was not written completely ({size} bytes) and is left out"
