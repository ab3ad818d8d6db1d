"""The run folder of a family."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vitnas.arch.schema import Architecture, read_architecture
from vitnas.arch.yaml_io import dump_yaml
from vitnas.errors import RunError
from vitnas.hardware.load import ProfiledDevice
from vitnas.job import targets
from vitnas.lock import RunLock
from vitnas.scale.config import ScaleConfig
from vitnas.search.disk import atomic_write_json, atomic_write_text
from vitnas.search.layout import LAYOUTS, require_layout
from vitnas.search.run import RunFolder, current_versions, read_json

FORMAT = f"scale {LAYOUTS['scale']}"
MEMBERS = "family"


class ScaleFolder:
    """``runs/NAME`` of a family.

    ``manifest.json`` what was asked, with what versions, and how it stands; ``seed.yaml`` and ``devices/``
    copies of what it began with; ``steps.jsonl`` one durable line for every child; ``family.json`` and
    ``family/*.yaml`` what came out.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest: dict[str, Any] = {}
        self.guard: Callable[[], None] = lambda: None

    @property
    def steps(self) -> Path:
        """The append-only log of children."""
        return self.path / "steps.jsonl"

    @property
    def is_begun(self) -> bool:
        """Whether a run is in the folder."""
        return RunFolder(self.path).is_begun

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The folder, made if it is missing, with this process as its only writer."""
        with RunLock(RunFolder(self.path).make()) as lock:
            self.guard = lock.check
            yield

    def require_free(self) -> None:
        """Check that no run is in the folder.

        Raises:
            RunError: there is one.
        """
        RunFolder(self.path).require_free()

    def create(
        self, config: ScaleConfig, seed: Architecture, names: Sequence[str], devices: Sequence[ProfiledDevice]
    ) -> None:
        """Begin a run.

        Args:
            names: of the devices, as the user named them.

        Raises:
            RunError: the folder holds a run already, or cannot be written.
        """
        self.require_free()
        try:
            (self.path / MEMBERS).mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise RunError(f"cannot make the run folder {self.path}: {problem.strerror}") from None
        atomic_write_text(self.path / "seed.yaml", dump_yaml(seed.to_dict()))
        for name, text in targets.copies(names, devices).items():
            (self.path / name).parent.mkdir(exist_ok=True)
            atomic_write_text(self.path / name, text)
        self.manifest = {
            "format": FORMAT,
            "state": "running",
            "config": config.to_dict(),
            "versions": current_versions(),
            "hashes": {"seed": seed.id, **targets.hashes(devices)},
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seconds": 0.0,
        }
        self.update()

    def open(self) -> ScaleConfig:
        """Read an existing run.

        Raises:
            RunError: there is none, or it is no run of ``vitnas scale``.
            RunCorrupt: its manifest cannot be read.
        """
        file = RunFolder(self.path).require() / "manifest.json"
        self.manifest = read_json(file)
        require_layout(self.manifest, file, "scale")
        return ScaleConfig.from_dict(self.manifest.get("config", {}))

    def seed(self) -> Architecture:
        """The network that the run began with."""
        return read_architecture(self.path / "seed.yaml")

    def check_unchanged(self, seed: Architecture, devices: Sequence[ProfiledDevice]) -> None:
        """Whether a resumed run rests on what it began with.

        Raises:
            RunError: it does not; names the file.
        """
        for what, value in {"seed": seed.id, **targets.hashes(devices)}.items():
            if self.manifest.get("hashes", {}).get(what) != value:
                raise RunError(
                    f"{self.path}: its {what}.yaml is not the one that the run began with; restore it"
                )

    def update(self, **changes: Any) -> None:
        """Change entries of the manifest."""
        self.manifest.update(changes)
        self.guard()
        atomic_write_json(self.path / "manifest.json", self.manifest)
