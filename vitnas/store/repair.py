"""Logs with broken lines: written anew without them, on request, with the original kept beside."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vitnas.errors import RunError
from vitnas.store.disk import atomic_write_parts, reported
from vitnas.store.lock import RunLock
from vitnas.store.log import parse_line

KEPT = ".broken"  # behind the name of the original
SHOWN = 60  # characters of a broken line


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no JSON object.

    Attributes:
        number: from 1, in the original.
        size: bytes.
        text: how it begins.
    """

    number: int
    size: int
    text: str


@dataclass
class Repair:
    """What was done to a log.

    Attributes:
        path: the log.
        lines: whole ones, which are kept as they are.
        dropped: the others.
        original: where the log as it was is kept; None if nothing was broken, and nothing was changed.
    """

    path: Path
    lines: int = 0
    dropped: list[BrokenLine] = field(default_factory=list)
    original: Path | None = None


def repair_run(path: str | Path) -> list[Repair]:
    """Drop the broken lines of a run's logs; the originals are kept beside them.

    Args:
        path: a run folder, or another one with logs.

    Returns:
        one entry for each log, also where nothing was broken.

    Raises:
        RunError: there is no log, a process writes to it, or a file cannot be written.
    """
    folder = Path(path)
    logs = sorted(folder.glob("*.jsonl"))
    if not logs:
        raise RunError(f"no log in '{folder}' (such as evaluations.jsonl)")
    with RunLock(folder, option="run") as lock:
        return [_repair(log, lock) for log in logs]


def _repair(log: Path, lock: RunLock) -> Repair:
    done = Repair(log)
    for _ in _whole_lines(log, done):  # first only look: what is whole is not touched
        pass
    if not done.dropped:
        return done
    original = _free_name(log)
    with reported(log, "read"), log.open("rb") as whole:
        atomic_write_parts(original, whole)
    lock.check()
    atomic_write_parts(log, _whole_lines(original, Repair(log)))
    done.original = original
    return done


def _whole_lines(path: Path, found: Repair) -> Iterator[bytes]:
    """The lines that are whole, as they stand; notes in ``found`` what the others are."""
    with reported(path, "read"), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if parse_line(line) is not None:
                found.lines += 1
                yield line if line.endswith(b"\n") else line + b"\n"
            elif line.strip():
                text = ascii(line[:SHOWN].decode("utf-8", "replace").rstrip("\n"))
                found.dropped.append(BrokenLine(number, len(line), text + "..." * (len(line) > SHOWN)))


def _free_name(log: Path) -> Path:
    """Where nothing is, or the same already, of a repair that was killed."""
    number = 1
    while (found := log.with_name(f"{log.name}{KEPT}-{number}")).exists():
        if filecmp.cmp(found, log, shallow=False):
            return found
        number += 1
    return found
