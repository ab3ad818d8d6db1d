"""What run folders say of themselves: quick to read, and none is too broken to be listed."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vitnas.errors import InvalidInput, RunCorrupt, VitnasError, describe
from vitnas.formats.json_text import read_json
from vitnas.store.claims import Holder, server_time
from vitnas.store.layout import LAYOUTS, LOGS, layout_of, require_layout
from vitnas.store.lock import live_holder


@dataclass(frozen=True)
class RunInfo:
    """One run folder.

    Attributes:
        path: the folder.
        command: that wrote it: ``search``, ``scale``, or another of a newer vitnas.
        state: as its manifest says; ``running`` only while a process writes it, ``died`` if that process is
            gone, ``broken`` if the manifest cannot be read.
        space: or the network that a family grows from.
        target: devices.
        quality: what is maximised, or the rule of a family.
        best: the best quality of the front; None until there is one.
        trials: candidates scored; None until the end.
        evaluations: lines of the log.
        seconds: in all lives of the run; of one that runs until now, where that can be said.
        created: ISO 8601.
        holder: who writes it at present.
        problem: why it cannot be gone on with here; empty if it can.
    """

    path: Path
    command: str = ""
    state: str = "broken"
    space: str = ""
    target: str = ""
    quality: str = ""
    best: float | None = None
    trials: int | None = None
    evaluations: int = 0
    seconds: float | None = None
    created: str = ""
    holder: Holder | None = None
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As ``runs --json`` prints it."""
        holder = self.holder
        return {
            "name": self.path.name,
            **vars(self),
            "path": str(self.path),
            "holder": {"pid": holder.pid, "host": holder.host, "since": holder.since} if holder else None,
        }


def list_runs(folder: str | Path) -> list[RunInfo]:
    """The runs of a folder, or the one run that it is, oldest first.

    Args:
        folder: of run folders.

    Raises:
        InvalidInput: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InvalidInput(f"no folder '{root}' (name that of your searches: vitnas runs FOLDER)")
    found = [root] if _is_run(root) else [path for path in root.iterdir() if _is_run(path)]
    now = functools.cache(lambda: _server_time(root))
    runs = [_info(path, now) for path in found]
    return sorted(runs, key=lambda run: (run.created, run.path.name))


def _is_run(path: Path) -> bool:
    try:
        return (path / "manifest.json").exists() or (path / "space.yaml").exists()
    except OSError:  # not ours to read: say so
        return True


def _server_time(folder: Path) -> float:
    try:
        return server_time(folder)
    except OSError:  # only to be read: our own clock has to do
        return time.time()


def _info(path: Path, now: Callable[[], float]) -> RunInfo:
    file = path / "manifest.json"
    try:
        manifest = _read(file)
        command, _ = layout_of(manifest, file)
    except FileNotFoundError:
        return RunInfo(path, problem="manifest.json is missing: nothing was begun here; remove the folder")
    except OSError as problem:
        return RunInfo(path, problem=f"manifest.json: {problem.strerror}")
    except VitnasError as problem:
        return RunInfo(path, problem=_without(path, str(problem)))
    problem_text = ""
    try:
        require_layout(manifest, file, command if command in LAYOUTS else "search")
    except VitnasError as problem:
        problem_text = _without(path, str(problem))
    try:
        return _described(path, command, manifest, problem_text, now)
    except VitnasError as problem:
        return RunInfo(path, command, problem=problem_text or _without(path, str(problem)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as problem:
        return RunInfo(path, command, problem=problem_text or f"cannot be read: {describe(problem)}")


def _described(
    path: Path, command: str, manifest: Mapping[str, Any], problem: str, now: Callable[[], float]
) -> RunInfo:
    config = dict(manifest.get("config") or {})
    state = str(manifest.get("state", ""))
    seconds = float(manifest.get("seconds") or 0.0)
    holder = None
    if state == "running":
        holder = live_holder(path, now())
        state = "running" if holder else "died"
        seconds += _since(holder) if holder else 0.0
    result = _result(path, command)
    return RunInfo(
        path=path,
        command=command,
        state=state,
        space=str(config.get("space") or config.get("file") or ""),
        target=str(config.get("target") or ""),
        quality=str(config.get("quality") or config.get("rule") or ""),
        best=_best(result),
        trials=result.get("trials"),
        evaluations=count_lines(path / LOGS.get(command, "")),
        seconds=seconds or None,
        created=str(manifest.get("created", "")),
        holder=holder,
        problem=problem,
    )


def _result(path: Path, command: str) -> Mapping[str, Any]:
    """What a search ended with; of another command, or before the end, nothing."""
    if command != "search":
        return {}
    try:
        found = _read(path / "front.json")
    except FileNotFoundError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _best(result: Mapping[str, Any]) -> float | None:
    qualities = [member.get("quality") for member in result.get("members", ())]
    return max((float(q) for q in qualities if q is not None), default=None)


def _read(file: Path) -> Any:
    if not file.exists():
        raise FileNotFoundError(file)
    return read_json(file, RunCorrupt)


def count_lines(log: Path, counted_bytes: int = 64 << 20) -> int:
    """Lines of a log; those behind ``counted_bytes`` are estimated."""
    if not log.is_file():
        return 0
    with log.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        count = read = 0
        while read < counted_bytes and (data := file.read(1 << 20)):
            count += data.count(b"\n")
            read += len(data)
    return count if read >= size else round(count * size / read)


def _since(holder: Holder) -> float:
    """Seconds that a live process has had; 0 where its clock is not ours."""
    if not holder.is_here:
        return 0.0
    return max(0.0, time.time() - datetime.strptime(holder.since, "%Y-%m-%d %H:%M:%S").timestamp())


def _without(path: Path, text: str) -> str:
    """A reason without the folder, which the list names."""
    return text.removeprefix(f"{path}{os.sep}")
