"""Whether a folder can hold runs: written, locked, shared."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vitnas.errors import RunError
from vitnas.store import system
from vitnas.store.disk import atomic_write_text
from vitnas.store.lock import RunLock
from vitnas.store.log import EvaluationLog, read_log

GIB = 1 << 30
LEAST_FREE = GIB
PREFIX = ".vitnas-doctor-"


@dataclass
class FolderReport:
    """A folder of runs.

    Attributes:
        path: absolute.
        exists: or is made by the first search.
        writable: files are replaced whole, and a log grows, as a run does it.
        lockable: two drivers are kept apart.
        system_locks: whether its file system has locks; if not, signs of life keep drivers apart.
        free_bytes: left on its disk.
        problem: why it is not writable or lockable.
    """

    path: str
    exists: bool
    writable: bool = False
    lockable: bool = False
    system_locks: bool = False
    free_bytes: int = 0
    problem: str = ""

    def problems(self) -> list[tuple[str, str, bool]]:
        """What is wrong, what to do about it, and whether it must be done."""
        if not self.writable:
            fix = "let your user write there, or give another `out`"
            return [(f"cannot be written: {self.problem}", fix, True)]
        found = []
        if not self.lockable:
            found.append((f"cannot be locked: {self.problem}", "give another `out`", True))
        elif not self.system_locks:
            text = "its file system has no locks; two drivers are kept apart by signs of life"
            found.append((text, "nothing, or storage with locks (NFS 4)", False))
        if self.free_bytes < LEAST_FREE:
            text = f"{self.free_bytes / GIB:.1f} GiB are left on its disk"
            found.append((text, "make room: a full disk stops a search", True))
        return found


@dataclass(frozen=True)
class Probe:
    """A folder for a moment, which the nodes of a cluster look for; it has a file ``token``."""

    path: Path
    token: str


@contextlib.contextmanager
def examined(out: Path) -> Iterator[tuple[FolderReport, Probe | None]]:
    """Try a folder as a run would use it; inside the block its lock is held.

    What was tried is removed at the end, and ``out`` is not made.
    """
    report = FolderReport(os.path.abspath(out), out.is_dir())
    place = Path(report.path)
    while not place.is_dir():
        if place.exists():
            report.problem = f"{place} is no folder"
            yield report, None
            return
        place = place.parent
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as problem:
        report.problem = problem.strerror or str(problem)
        yield report, None
        return
    try:
        folder.chmod(0o777)  # nodes may run as somebody else
        probe = Probe(folder, uuid.uuid4().hex)
        with contextlib.ExitStack() as held:
            _try(report, probe, held)
            yield report, probe if report.writable else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try(report: FolderReport, probe: Probe, held: contextlib.ExitStack) -> None:
    folder = probe.path
    report.free_bytes = shutil.disk_usage(folder).free
    try:
        for text in ("", probe.token):  # written, and replaced
            atomic_write_text(folder / "token", text)
        with EvaluationLog(folder / "log.jsonl") as log:
            log.append({"a": 1})
            log.append({"b": 2})
        if len(read_log(folder / "log.jsonl")) != 2:
            report.problem = "what was written is not what is read"
            return
    except RunError as problem:
        report.problem = str(problem.__cause__ or problem)
        return
    report.writable = True
    try:
        held.enter_context(RunLock(folder))
        with (folder / ".lock").open("r+b") as again:
            report.system_locks = system.try_lock(again.fileno()) is False
        report.lockable = True
    except (RunError, OSError) as problem:
        report.problem = str(problem)
