"""The log of a measurement: one durable line a visit, so that nothing is measured twice."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from vitnas.errors import InvalidInput, RunCorrupt
from vitnas.store.disk import make_folder, reported
from vitnas.store.log import EvaluationLog, read_log

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
    """A log of visits.

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
        self._log: EvaluationLog | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # half a line at the end is told of when it is cut off
            records = read_log(path) if path.is_file() else []
        for number, record in enumerate(records, start=1):
            try:
                self._take(record, number)
            except (KeyError, TypeError, AttributeError) as problem:
                raise RunCorrupt(f"{path}: line {number} is none of a measurement: {problem}") from None

    @classmethod
    def anew(cls, path: Path, settings: Mapping[str, Any]) -> Session:
        """One beside a log, which it becomes once it is complete; goes on with one that was begun so.

        One of other settings that was not completed is forgotten.
        """
        beside = path.with_suffix(f".fresh{path.suffix}")
        try:
            return cls(beside, settings)
        except InvalidInput:
            beside.unlink()
            return cls(beside, settings)

    def become(self, path: Path) -> None:
        """Take the place of another log."""
        if self.path != path:
            with reported(path, "write"):
                os.replace(self.path, path)
            self.path = path

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
        make_folder(self.path.parent)
        self._log = EvaluationLog(self.path)
        if self.path.stat().st_size == 0:
            self._append({"format": FORMAT, "settings": self.settings})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    def _append(self, record: Mapping[str, Any]) -> None:
        assert self._log is not None, "a session is written inside `with`"
        self._log.append(record)

    def _take(self, record: Mapping[str, Any], number: int) -> None:
        if number == 1:
            if record["format"] != FORMAT:
                raise TypeError(f"format {record['format']} is not {FORMAT}")
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
