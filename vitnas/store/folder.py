"""The run folder: what is written, and how a run is found again."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vitnas._version import __version__
from vitnas.errors import ClusterError, MissingExtra, RunCorrupt, RunError, RunLocked, StorageError, go_on
from vitnas.formats.json_text import read_json
from vitnas.formats.npz_arrays import read_npz
from vitnas.formats.refusing import refusing
from vitnas.store.disk import (
    atomic_write_json,
    atomic_write_npz,
    atomic_write_text,
    make_folder,
    new_folder,
    sweep_tree,
)
from vitnas.store.layout import FITTED, LOGS, check_manifest, layout_text, require_layout
from vitnas.store.lock import RunLock

FAILED, INTERRUPTED = "failed", "interrupted"
RESUMABLE = (RunError, ClusterError, StorageError, MissingExtra)  # no fault of what was asked
PACKAGES = ("torch", "numpy", "optuna")


class RunFolder:
    """``runs/NAME`` of a command: its manifest, its log, and what else it keeps.

    ``manifest.json`` what was asked, with what versions, and how it stands; ``space.yaml`` or ``seed.yaml``
    and ``devices/`` copies of what it began with; the log one durable line for each evaluation. A search
    also keeps ``quality.json`` (what the quality's meaning rests on), ``screen.npz`` (its state),
    ``front.json``, ``reference.json`` and ``best/``; a family ``family.json`` and ``family/``.

    Args:
        path: of the folder.
        command: that the run is of.

    Attributes:
        manifest: as it was read or written last.
        guard: called before every write; raises where this process may write no longer (`lock.RunLock`).
    """

    def __init__(self, path: str | Path, command: str = "search") -> None:
        self.path = Path(path)
        self.command = command
        self.manifest: dict[str, Any] = {}
        self.guard: Callable[[], None] = lambda: None
        self._is_ours = False  # made for this run, rather than found

    @classmethod
    def new(cls, root: str | Path, stem: str, command: str = "search") -> RunFolder:
        """The first free ``root/stem-N``, made here: two commands never get the same.

        Raises:
            RunError: it cannot be made.
        """
        found = cls(new_folder(Path(root), stem), command)
        found._is_ours = True
        return found

    @property
    def log(self) -> Path:
        """The append-only log."""
        return self.path / LOGS[self.command]

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The folder, made if it is missing, with this process as its only writer.

        Scratch files of killed commands go. One that was made here goes again with an error that comes before
        the first line of its log. What ends a run that can go on is told with how to go on.
        """
        is_new = self._is_ours or not self.path.exists()
        try:
            with RunLock(self.make()) as lock:
                self.guard = lock.check
                sweep_tree(self.path)
                with self._said_to_end():
                    yield
        except (OSError, RunError):
            raise  # the disk's fault: the run can go on
        except (Exception, KeyboardInterrupt) as stop:
            is_empty = not self.is_begun if isinstance(stop, KeyboardInterrupt) else not self.has_lines
            if is_new and is_empty and not self.has_results:
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    @contextlib.contextmanager
    def _said_to_end(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt as stop:  # also a second one, while the first is being obeyed
            self._end_as(INTERRUPTED)
            if not self.is_begun or go_on(self.path) in str(stop):
                raise
            raise KeyboardInterrupt(f"interrupted; go on with: {go_on(self.path)}") from None
        except (RunLocked, RunCorrupt):
            raise
        except Exception as error:
            is_running = self.manifest.get("state") == "running"
            can_go_on = isinstance(error, RESUMABLE) and (self.has_lines or isinstance(error, RunError))
            self._end_as(INTERRUPTED if can_go_on or self.has_results else FAILED)
            if is_running and can_go_on:
                hint = f"nothing recorded is lost: put that right and go on with {go_on(self.path)}"
                error.args = (f"{error}; {hint}",)
            raise

    def _end_as(self, state: str) -> None:
        """No run stays ``running`` that nobody runs; a disk that refuses this too changes nothing."""
        if self.manifest.get("state") == "running":
            with contextlib.suppress(RunError):
                self.update(state=state)

    def create(self, config: Mapping[str, Any], copies: Mapping[str, str], hashes: Mapping[str, str]) -> None:
        """Begin a run.

        Args:
            config: the settings, as plain values.
            copies: file name -> text to keep beside the manifest.
            hashes: of what must not change under a resumed run.

        Raises:
            RunError: the folder holds a run already, or cannot be written.
        """
        self.require_free()
        self.make()
        for left in self.path.iterdir():
            if (left == self.log or FITTED.fullmatch(left.name)) and left.name not in copies:
                left.unlink()  # of a run that came to nothing
        for name, text in copies.items():
            make_folder((self.path / name).parent)
            atomic_write_text(self.path / name, text)
        self.manifest = {
            "format": layout_text(self.command),
            "state": "running",
            "config": dict(config),
            "versions": current_versions(),
            "hashes": dict(hashes),
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seconds": 0.0,
        }
        self._write_manifest()

    @property
    def has_lines(self) -> bool:
        """Whether the log says anything, if only what failed."""
        return self.log.is_file() and self.log.stat().st_size > 0

    @property
    def has_results(self) -> bool:
        """Whether a run has come to anything: a state, or a line that says more than a failure."""
        if (self.path / "screen.npz").is_file():
            return True
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as lines:
            return any(map(_is_result, lines))
        return False

    @property
    def is_begun(self) -> bool:
        """Whether a run is in the folder."""
        return (self.path / "manifest.json").is_file()

    def make(self) -> Path:
        """The folder itself, which may be there already.

        Raises:
            RunError: it cannot be made.
        """
        make_folder(self.path)
        return self.path

    def require(self) -> Path:
        """The folder, if a run is in it.

        Raises:
            RunError: there is none.
        """
        if not self.is_begun:
            raise RunError(f"no run in '{self.path}' (manifest.json is missing)")
        return self.path

    def require_free(self) -> None:
        """Check that no run is in the folder, but for one that failed without any result.

        Raises:
            RunError: there is one.
        """
        if self.is_begun and (self.has_results or self.read_state() != FAILED):
            raise RunError(
                f"{self.path} holds a run already: go on with {go_on(self.path)}, or take another `name`"
            )

    def read_state(self) -> str:
        """How the manifest says that the run stands."""
        manifest = self.read_json("manifest.json")
        return str(manifest.get("state")) if isinstance(manifest, dict) else ""

    def open(self) -> dict[str, Any]:
        """Read an existing run; returns its settings, as plain values.

        Raises:
            RunError: there is none, it is of another command, or another version of vitnas wrote it.
            RunCorrupt: its manifest cannot be read.
        """
        file = self.require() / "manifest.json"
        self.manifest = read_json(file, RunCorrupt)
        require_layout(self.manifest, file, self.command)
        check_manifest(self.manifest, file)
        return dict(self.manifest["config"])

    def changed(self, hashes: Mapping[str, str]) -> list[str]:
        """Which of these hashes are not those that the run began with."""
        kept = self.manifest.get("hashes", {})
        return [what for what, value in hashes.items() if kept.get(what) != value]

    def update(self, **changes: Any) -> None:
        """Change entries of the manifest."""
        self.manifest.update(changes)
        self._write_manifest()

    def _write_manifest(self) -> None:
        self.guard()
        atomic_write_json(self.path / "manifest.json", self.manifest)

    def write_json(self, name: str, data: Any, *, indent: int | None = 2) -> None:
        """Write a JSON file whole or not at all."""
        self.guard()
        atomic_write_json(self.path / name, data, indent=indent)

    def using(self, name: str) -> AbstractContextManager[None]:
        """What is read from one of its files is used inside: what that raises is the file's fault.

        Raises:
            RunCorrupt: (on leaving) the file does not hold what it should; names it.
        """
        return refusing(self.path / name, "is damaged", RunCorrupt)

    def read_json(self, name: str) -> Any | None:
        """A JSON file; None if it is not there yet."""
        file = self.path / name
        return read_json(file, RunCorrupt) if file.is_file() else None

    def save_state(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the state of a stage."""
        self.guard()
        atomic_write_npz(self.path / "screen.npz", dict(arrays))

    def load_state(self) -> dict[str, NDArray[Any]] | None:
        """The kept state of a stage; None if there is none.

        Raises:
            RunCorrupt: it cannot be read.
        """
        file = self.path / "screen.npz"
        if not file.is_file():
            return None
        try:
            return read_npz(file, RunCorrupt)
        except RunCorrupt as problem:
            raise RunCorrupt(f"{problem}; remove it to begin this stage again from the seed") from None


def _is_result(line: bytes) -> bool:
    """Whether a line of a log says more than that something failed; a damaged one may."""
    try:
        record = json.loads(line)
    except ValueError:
        return True
    return bool(record.get("scores")) or not {"failure", "failures"} & record.keys()


def current_versions() -> dict[str, str]:
    """Of Python and the packages that figures depend on."""
    found = {"vitnas": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
