"""What a run folder says of its search, in every state: finished, ended early, running, or just begun."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.columns import plain_rows
from vitnas.cost.priced import Figures
from vitnas.errors import RunCorrupt, VitnasError
from vitnas.hardware.targets import describe, load_targets
from vitnas.run.result import Member, SearchResult, kept_space
from vitnas.searching.config import SearchConfig
from vitnas.searching.objectives import QUALITY, cost_of, is_maximised, resolve_objectives
from vitnas.searching.pareto import spread
from vitnas.searching.rungs import RungResult
from vitnas.space.activity import Genomes
from vitnas.store.folder import RunFolder
from vitnas.store.run_list import RunInfo, list_runs

UNFINISHED = ("running", "died")  # what the search has reached stands in its saved state alone


def read_result(path: str | Path) -> tuple[SearchResult, RunInfo]:
    """The result of a search from its folder, and how the folder stands; nothing is written or locked.

    Of a run that is not over, the result is that of its last checkpoint: an even selection of the front so
    far, with its objectives alone.

    Raises:
        RunError: there is no run, it is of another command, or another version of vitnas wrote it.
        RunCorrupt: a file cannot be read.
    """
    folder = RunFolder(path)
    config = SearchConfig.from_dict(folder.open())
    try:
        info = list_runs(folder.path)[0]
        result = _begun(folder, config, info)
        ended, state = _newest(folder, info.state)
        if state is not None:
            return _reached(result, state), info
        return (result if ended is None else _ended(folder, result, ended)), info
    except VitnasError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise RunCorrupt(
            f"{folder.path}: a file of it is damaged ({type(problem).__name__}: {problem})"
        ) from None


def _newest(folder: RunFolder, state: str) -> tuple[Any | None, dict[str, NDArray[Any]] | None]:
    """What says most of a run: ``front.json``, or the saved state of its loop where that has come further."""
    ended = folder.read_json("front.json")
    saved = folder.load_state() if ended is None or state in UNFINISHED else None
    if saved is not None and ended is not None and _progress(saved)["trials"] <= ended["trials"]:
        saved = None
    return ended, saved


def _progress(saved: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The counts of the loop."""
    return dict(json.loads(str(saved["loop.progress"])))


def _begun(folder: RunFolder, config: SearchConfig, info: RunInfo) -> SearchResult:
    """What the manifest says; nothing is found yet."""
    devices = load_targets(config.targets, folder.path)
    figures = Figures(devices, config.batch)
    objectives = resolve_objectives(config.objectives, figures)
    counts = folder.manifest.get("counts") or {}
    return SearchResult(
        config=config,
        path=folder.path,
        state=info.state,
        objectives=objectives,
        front=(),
        references=(),
        front_size=0,
        trials=0,
        asked=int(counts.get("asked", 0)),
        failed=int(counts.get("failed", 0)),
        seconds=info.seconds or 0.0,
        hypervolume=0.0,
        random_hypervolume=None,
        targets=describe(figures, devices),
        distinct=int(counts.get("distinct", 0)),
        failures=counts.get("failures", {}),
        rungs=tuple(_rung(row) for row in folder.manifest.get("rungs", ())),
    )


def _ended(folder: RunFolder, result: SearchResult, document: Mapping[str, Any]) -> SearchResult:
    """What ``front.json`` and ``reference.json`` say."""
    front = tuple(Member.from_dict(row, folder.path) for row in document["members"])
    others = folder.read_json("reference.json")
    others = {"members": ()} if others is None else others
    choice = document.get("choice")
    return dataclasses.replace(
        result,
        objectives=tuple(document["objectives"]),
        front=front,
        references=tuple(Member.from_dict(row, folder.path) for row in others["members"]),
        front_size=document["whole_front"],
        trials=document["trials"],
        hypervolume=document["hypervolume"],
        random_hypervolume=document["random_hypervolume"],
        limits=tuple(document.get("limits", ())),
        idle=tuple(document.get("idle", ())),
        files=tuple(member.written for member in front),
        notes=tuple(document["notes"]),
        exhaustive=bool(document.get("exhaustive", False)),
        choice=Member.from_dict(choice, folder.path) if choice else None,
    )


def _rung(row: Mapping[str, Any]) -> RungResult:
    return RungResult(**{"take": None, **row, "notes": tuple(row.get("notes", ()))})


def _reached(result: SearchResult, state: Mapping[str, NDArray[Any]]) -> SearchResult:
    """What the saved state of the loop says."""
    progress = _progress(state)
    history = json.loads(str(state["history"])) or [(0, 0.0, None)]
    rows = _archive(result, state)
    return dataclasses.replace(
        result,
        front=tuple(rows[k] for k in spread(rows.values * _signs(result), result.config.front).tolist()),
        front_size=len(rows),
        trials=progress["trials"],
        asked=progress["asked"],
        failed=progress["failed"],
        failures=progress["failures"],
        hypervolume=history[-1][1],
        random_hypervolume=history[-1][2],
    )


def _signs(result: SearchResult) -> NDArray[np.float64]:
    """Of objectives (M,), that all are minimised."""
    return np.array([-1.0 if is_maximised(name) else 1.0 for name in result.objectives])


def _archive(result: SearchResult, state: Mapping[str, NDArray[Any]]) -> Rows:
    """The front in the saved state of the loop."""
    values = np.asarray(state["loop.archive.objectives"], np.float64) * _signs(result)
    return Rows(result.path, result.objectives, np.asarray(state["loop.archive.genomes"], np.uint8), values)


def read_whole_front(result: SearchResult) -> Rows:
    """All of the front that a run ended with, or has reached; only the written networks of it were checked.

    Raises:
        RunCorrupt: its file cannot be read.
    """
    folder = RunFolder(result.path)
    found = folder.read_json("whole_front.json")
    try:
        _, state = _newest(folder, result.state)
        if state is not None:
            return _archive(result, state)
        if found is None:
            return Rows(result.path, (), np.zeros((0, 0), np.uint8), np.zeros((0, 0)))
        genomes = np.frombuffer(bytes.fromhex("".join(found["genomes"])), np.uint8)
        values = np.array(found["values"], np.float64).reshape(-1, len(found["objectives"]))
        return Rows(result.path, tuple(found["objectives"]), genomes.reshape(len(values), -1), values)
    except (KeyError, TypeError, ValueError) as problem:
        raise RunCorrupt(f"{folder.path / 'whole_front.json'}: cannot be read: {problem}") from None


@dataclass(frozen=True)
class Rows(Sequence[Member]):
    """Networks of a front by their genomes, each made when it is asked for.

    Attributes:
        folder: of the run, whose space the genomes are of.
        objectives: names of the columns.
        genomes: (n, G).
        values: (n, M) in natural units and signs.
    """

    folder: Path
    objectives: tuple[str, ...]
    genomes: Genomes
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.genomes)

    @overload
    def __getitem__(self, at: int) -> Member: ...
    @overload
    def __getitem__(self, at: slice) -> Rows: ...
    def __getitem__(self, at: int | slice) -> Member | Rows:
        if isinstance(at, slice):
            return dataclasses.replace(self, genomes=self.genomes[at], values=self.values[at])
        architecture = kept_space(self.folder).decode(self.genomes[at])
        values = dict(zip(self.objectives, self.values[at].tolist(), strict=True))
        costs = {cost_of(name): np.array([value]) for name, value in values.items() if name != QUALITY}
        return Member(
            name=architecture.name,
            id=architecture.id,
            genome=tuple(self.genomes[at].tolist()),
            costs=plain_rows(costs)[0] if costs else {},
            quality=values.get(QUALITY),
            depth=sum(len(stage.blocks()) for stage in architecture.stages),
            folder=self.folder,
        )

    def __iter__(self) -> Iterator[Member]:
        return (self[k] for k in range(len(self)))

    def columns(self) -> dict[str, NDArray[Any]]:
        """Quality and costs (n,) by name, and the genomes in hexadecimal digits."""
        names = [cost_of(name) or QUALITY for name in self.objectives]
        values = dict(zip(names, self.values.T, strict=True))
        return {**values, "genome": np.array([genome.tobytes().hex() for genome in self.genomes])}
