"""What a search ended with, and what a dry run says."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitnas import plugins
from vitnas.arch.schema import Architecture, read_architecture, save_architecture
from vitnas.errors import RunCorrupt
from vitnas.figures import format_quantity
from vitnas.formats.fields import check_fields
from vitnas.hardware.targets import Coverage, Target, label_of
from vitnas.plain import printable
from vitnas.searching.config import SearchConfig
from vitnas.searching.rungs import RungResult
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.units import for_json

if TYPE_CHECKING:
    from vitnas.arch.network import Network


@dataclass(frozen=True, repr=False)
class Member:
    """A network of the front, or a published one scored in the same run.

    Attributes:
        name: of the architecture; ``space:reference`` for a published network.
        written: its file, relative to the run folder; empty for a network that was not written, such as a
            published one.
        costs: figure -> value, named as in `vitnas.cost.priced`; latency_ms is None without a device.
        quality: the objective; None where it could not be computed.
        depth: number of blocks.
        scores: proxy -> {value, standard (against the run's reference sample), or failure}.
        rungs: quality -> score, of the search and of every rung after it that scored the network.
        health: verdict and reasons of one forward and backward pass; empty if not checked.
        feasible: whether the run's budgets hold it (a published network may exceed them).
        out_of_domain: why a device's prediction would be a guess.
        coverage: of each device with measured blocks, see `Coverage`.
        facts: what the source of a published network states: top1, latency_ms by device, ...
    """

    name: str
    id: str
    genome: tuple[int, ...]
    costs: Mapping[str, float | int | None]
    quality: float | None
    depth: int
    written: str = ""
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    feasible: bool = True
    out_of_domain: Sequence[str] = ()
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    rungs: Mapping[str, float] = field(default_factory=dict)
    folder: Path = Path()

    @property
    def file(self) -> str:
        """Its file, absolute; empty for a network that was not written."""
        return str(self.folder.absolute() / self.written) if self.written else ""

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The network, closed: with the notes of its file, if it has one."""
        if self.written:
            with plugins.in_hand():
                return read_architecture(self.file)
        found = kept_space(self.folder).decode(np.array(self.genome, np.uint8))
        return replace(found, name=self.name)

    def build(self, **settings: Any) -> Network:
        """A plain ``nn.Module`` with fresh weights; settings as of :func:`vitnas.create_model`."""
        from vitnas.models import create_model

        return create_model(self, **settings)

    def save(self, path: str | Path) -> Path:
        """Write the network to a file that a trainer loads, such as ``best.yaml``."""
        save_architecture(self.architecture, path)
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values; ``file`` is relative to the run folder."""
        return {"file" if k == "written" else k: v for k, v in asdict(self).items() if k != "folder"}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: Path) -> Member:
        """Read what ``to_dict`` gave, or a file of the run folder has."""
        values = {"written" if k == "file" else k: v for k, v in data.items()}
        check_fields(cls, values, f"{folder}: a member of its front", RunCorrupt)
        if _leaves(values.get("written") or ""):
            raise RunCorrupt(f"{folder}: '{values['written']}' is no file of the run")
        values |= {"genome": tuple(data["genome"]), "out_of_domain": tuple(data["out_of_domain"])}
        values["coverage"] = {k: Coverage(**v) for k, v in data.get("coverage", {}).items()}
        return cls(**values, folder=folder)

    def __repr__(self) -> str:
        return printable(f"<Member {self.written or self.name}: {self._figures()}>")

    def _figures(self) -> str:
        quality = "?" if self.quality is None else f"{self.quality:.4g}"
        costs = (
            f"{name.replace('_ms', '').replace('_per_s', '')} {format_quantity(name, value)}"
            for name, value in self.costs.items()
            if value is not None and name.startswith(("latency", "throughput", "params"))
        )
        return ", ".join((f"quality {quality}", *costs))


def _leaves(file: str) -> bool:
    """Whether a relative path leads out of its folder."""
    return Path(file).is_absolute() or ".." in Path(file).parts


def kept_space(folder: Path) -> Space:
    """The space of a run, from the copy in its folder.

    Raises:
        UnknownName: the copy is gone.
        InvalidSpace: it cannot be read.
    """
    file = folder / "space.yaml"
    with plugins.in_hand():
        return _kept_space(str(file), file.stat().st_mtime_ns if file.is_file() else 0)


@functools.lru_cache(maxsize=4)
def _kept_space(file: str, written_ns: int) -> Space:
    return load_space(file)


@dataclass(frozen=True)
class SearchResult:
    """What a search ended with.

    Attributes:
        state: ``finished``, ``interrupted``, ``out of time`` or ``rung failed``.
        front: the networks that were checked and written, by ascending cost.
        front_size: of the whole front, of which ``front`` is an even selection.
        targets: the devices.
        limits: the devices' own limits that were budgets, as text.
        idle: budgets of the user's that exclude nothing of the front, as text.
        notes: what a reader of the quality should know.
        distinct: networks among the ``trials``, where a strategy repeats itself.
        failures: kind of failure -> candidates, ``failed`` in all.
        choice: what the strategy itself would take, if it has a view of its own; it may not be on the front.
        rungs: what the search and the rungs after it did; nothing without rungs.
        exhaustive: all feasible architectures of the space were scored: no search finds a better front.
    """

    config: SearchConfig
    path: Path
    state: str
    objectives: tuple[str, ...]
    front: tuple[Member, ...]
    references: tuple[Member, ...]
    front_size: int
    trials: int
    asked: int
    failed: int
    seconds: float
    hypervolume: float
    random_hypervolume: float | None
    targets: tuple[Target, ...] = ()
    limits: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    choice: Member | None = None
    distinct: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    rungs: tuple[RungResult, ...] = ()
    exhaustive: bool = False

    @property
    def quality(self) -> str:
        """By which the front was chosen: that of the last rung that has a front, or of the search."""
        return next((rung.quality for rung in reversed(self.rungs) if rung.output), self.config.quality)

    @property
    def device_label(self) -> str:
        """What must stand beside every latency; empty without a device."""
        return label_of(self.targets)

    @property
    def band(self) -> float:
        """Relative error of a time on the only device; nan if unknown or if there are several."""
        return self.targets[0].band if len(self.targets) == 1 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """All of it, as ``search --json`` prints it."""
        return asdict(self) | {
            "front": [member.to_dict() for member in self.front],
            "references": [member.to_dict() for member in self.references],
            "choice": self.choice.to_dict() if self.choice else None,
            "device_label": self.device_label,
            "band": self.band,
            "config": self.config.to_dict(),
        }


@dataclass(frozen=True)
class RungPlan:
    """What a rung would do.

    Attributes:
        quality: that would score.
        take: candidates at most.
        seconds: for all of them; None if nobody knows.
    """

    quality: str
    take: int
    seconds: float | None


@dataclass(frozen=True)
class DryRun:
    """What ``--dry-run`` prints.

    Attributes:
        costs: name -> (minimum, median, maximum) over a random sample, with the extremes of the space.
        rungs: what each rung would take, and how long that is; see `RungPlan`.
        budgets: text of each budget (a device's own limits among them) -> share of the space that meets
            it; "all" for all at once.
        trials: that there will be.
        trials_per_s: feasible candidates scored a second, on average over the search.
        seconds: estimate for the whole run, from what was measured now.
        workers: that it would have.
        exhaustive: all feasible architectures would be scored.
    """

    space: str
    size: int
    genes: int
    costs: Mapping[str, tuple[float, float, float]]
    budgets: Mapping[str, float]
    trials: int
    trials_per_s: float
    seconds: float
    objectives: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    rungs: tuple[RungPlan, ...] = ()
    workers: int = 1
    exhaustive: bool = False

    @property
    def device_label(self) -> str:
        """What must stand beside every latency; empty without a device."""
        return label_of(self.targets)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as ``search --dry-run --json`` prints it."""
        return asdict(self) | {"size": for_json(self.size), "device_label": self.device_label}
