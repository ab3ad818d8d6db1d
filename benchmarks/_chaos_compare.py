"""What is left of a run of `chaos.py`, held against the undisturbed one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Whole:
    """The undisturbed run.

    Attributes:
        lines: of the log, by the stage that writes them.
        begun_s: until it had a manifest.
    """

    front: bytes
    log: dict[str, dict[str, Any]]
    lines: dict[str, int]
    begun_s: float


def compare(run: Path, whole: Whole, before: bytes) -> dict[str, Any]:
    """The counts of `chaos.py`; ``before`` is the log at the death."""
    records = read_log(run)
    found = {record["task"]: record for record in records}
    kept = set(whole_lines(run).splitlines())
    gone = [line for line in before.splitlines() if line not in kept]
    return {
        "front": front(run) == whole.front,
        "evaluations": len(found),
        "lost": len(whole.log.keys() - found.keys()) + len(gone),
        "doubled": len(records) - len(found),
        "foreign": len(found.keys() - whole.log.keys()),
        "other": sum(timeless(found[t]) != timeless(r) for t, r in whole.log.items() if t in found),
    }


def timeless(record: Any) -> Any:
    """Without seconds, which no two runs share."""
    if isinstance(record, dict):
        return {key: timeless(value) for key, value in record.items() if key != "seconds"}
    return record


def front(run: Path) -> bytes:
    files = [run / "front.json", run / "whole_front.json"]
    return b"".join(file.read_bytes() if file.exists() else b"?" for file in files)


def whole_lines(run: Path) -> bytes:
    file = run / "evaluations.jsonl"
    data = file.read_bytes() if file.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def count_lines(run: Path) -> int:
    return whole_lines(run).count(b"\n")


def read_log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in whole_lines(run).splitlines()]
