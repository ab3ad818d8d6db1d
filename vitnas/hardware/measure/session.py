"""The log of a measurement: one durable line a visit, so that nothing is measured twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from vitnas.errors import InvalidInput, RunCorrupt

FORMAT = 1


@dataclass(frozen=True)
class Visit:
    """One probe, timed once.

    Attributes:
        probe: its id.
        median_ms, iqr_ms: over ``runs`` calls; 0 runs where it could not be converted.
        before_ms, after_ms: median of the reference block just before and just after.
        seconds: that all of it took, conversion included.
        problem: why it could not be converted; empty if it could.
    """

    probe: str
    median_ms: float
    iqr_ms: float
    runs: int
    before_ms: float
    after_ms: float
    seconds: float
    problem: str = ""


class Session:
    """An append-only file of visits.

    Args:
        path: of the log; what stands there is read.
        settings: that must not change between visits (runtime, threads, batch, ...).

    Raises:
        InvalidInput: a log of other settings stands there; names the first that differs.
        RunCorrupt: the file is no such log.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = dict(settings)
        self.visits: list[Visit] = []
        self.spaces: list[str] = []
        self._file: IO[str] | None = None
        if path.is_file():
            self._read()

    def by_probe(self) -> dict[str, list[Visit]]:
        """The visits of each probe."""
        found: dict[str, list[Visit]] = {}
        for visit in self.visits:
            found.setdefault(visit.probe, []).append(visit)
        return found

    def add_spaces(self, names: list[str]) -> None:
        """Note that these spaces are measured too."""
        new = [name for name in names if name not in self.spaces]
        if new:
            self.spaces += new
            self._append({"spaces": new})

    def add(self, visit: Visit) -> None:
        """Append a visit; it is on the disk when this returns."""
        self._append({"visit": asdict(visit)})
        self.visits.append(visit)

    def __enter__(self) -> Session:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._end_last_line()
        is_new = not self.path.is_file() or self.path.stat().st_size == 0
        self._file = self.path.open("a", encoding="utf-8")
        if is_new:
            self._append({"format": FORMAT, "settings": self.settings})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, record: Mapping[str, Any]) -> None:
        assert self._file is not None, "a session is written inside `with`"
        self._file.write(json.dumps(record, separators=(",", ":")) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _end_last_line(self) -> None:
        """Cut off a line that a kill left unfinished."""
        if not self.path.is_file():
            return
        data = self.path.read_bytes()
        if data and not data.endswith(b"\n"):
            with self.path.open("r+b") as file:
                file.truncate(data.rfind(b"\n") + 1)

    def _read(self) -> None:
        lines = self.path.read_bytes().split(b"\n")[:-1]  # an unfinished last line is no line
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                self._take(record, number)
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                if isinstance(problem, InvalidInput):
                    raise
                raise RunCorrupt(f"{self.path}:{number}: no line of a measurement: {problem}") from None

    def _take(self, record: Mapping[str, Any], number: int) -> None:
        if number == 1:
            if record["format"] != FORMAT:
                raise ValueError(f"format {record['format']} is not {FORMAT}")
            self._check(record["settings"])
        elif "spaces" in record:
            self.spaces += [str(name) for name in record["spaces"]]
        else:
            self.visits.append(Visit(**record["visit"]))

    def _check(self, settings: Mapping[str, Any]) -> None:
        for name in sorted(settings.keys() | self.settings.keys()):
            before, now = settings.get(name), self.settings.get(name)
            if before != now:
                raise InvalidInput(
                    f"{self.path}: this measurement was begun with {name} {before}, not {now}; "
                    "choose another `name`, or `fresh` to begin anew"
                )
