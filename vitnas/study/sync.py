"""A run as an Optuna study, for optuna-dashboard and whatever else reads one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitnas.errors import InvalidInput, RunError
from vitnas.events import Listener, Silent
from vitnas.formats.path_name import check_title
from vitnas.run.prepare import Setup, prepare
from vitnas.searching.config import SearchConfig
from vitnas.searching.pareto import spread
from vitnas.store.folder import RunFolder
from vitnas.store.lock import live_holder
from vitnas.store.log import follow_log
from vitnas.study.trials import RunTrials, recorded_quality, study_spec

if TYPE_CHECKING:
    from vitnas.study.writer import StudyWriter

AT_ONCE = 500  # trials in one transaction
FILE = "file"  # trial attribute: of the architecture, in the run folder
PUBLISHED = "published"  # trial attribute: name of a network of the space's sources


@dataclass(frozen=True)
class StudyResult:
    """What a study holds of a run.

    Attributes:
        study: its name.
        storage: the URL, without a password.
        trials: networks of the run in it.
        added: that were new.
        changed: older ones whose attributes are new.
        front: networks of the run's whole front; None where every network that was scored is a trial.
        left_out: of the front, by a limit.
        unscored: networks in the log that have no quality, nor a reason for it.
    """

    study: str
    storage: str
    trials: int
    added: int
    changed: int
    front: int | None
    left_out: int
    unscored: int


def write_study(
    run: str | Path,
    storage: str,
    *,
    name: str | None = None,
    limit: int | None = None,
    listener: Listener | None = None,
) -> StudyResult:
    """Write a run as an Optuna study; if it is there, add what is new.

    Every network that was built is a trial, and where the run ranks genomes by the million, all of its front.

    Args:
        run: a run folder of a search, which may still be running.
        storage: URL of a database, as SQLAlchemy reads it.
        name: of the study; without one the folder's.
        limit: at most so many networks of the front, evenly chosen; networks that were built come on top.
        listener: watches.

    Raises:
        InvalidInput: a name that no table or terminal takes, or a limit below 0.
        RunError: no run is there, or it has scored nothing so far.
        StorageError: the storage cannot be used, or holds a study of this name that is something else.
    """
    from vitnas.study.url import StorageUrl
    from vitnas.study.writer import StudyWriter

    if limit is not None and limit < 0:
        raise InvalidInput(f"`limit`: expected at least 0, got {limit}")
    if name is not None:
        check_title(name, "`name`")
    url = StorageUrl(storage)
    watcher = listener or Silent()
    folder = RunFolder(run)
    setup = prepare(SearchConfig.from_dict(folder.open()), watcher, folder.path, measures=False)
    recorded = recorded_quality(setup, folder)
    if recorded is None:
        holder = live_holder(folder.path)
        later = f"; {holder} is at work on it: give the command again later" if holder else ""
        raise RunError(f"{folder.path}: the run has scored nothing so far{later}")
    watcher.stage("writing a study", str(url))
    writer = StudyWriter(url, study_spec(setup, folder, name))
    try:
        return StudySync(setup, folder, writer, RunTrials(setup, recorded), limit).finish(watcher)
    finally:
        writer.close()


class StudySync:
    """Keeps a study up with a run.

    Args:
        setup: of the run.
        folder: the run's.
        writer: of the study.
        trials: of the run.
        limit: networks of the front.
    """

    def __init__(
        self,
        setup: Setup,
        folder: RunFolder,
        writer: StudyWriter,
        trials: RunTrials,
        limit: int | None = None,
    ) -> None:
        self.setup = setup
        self.folder = folder
        self.writer = writer
        self.trials = trials
        self.limit = limit
        self.added = self.changed = 0
        self._read = 0  # bytes of the log

    def follow(self, size: int = 1 << 18) -> bool:
        """Bring over the next bytes of the log, about ``size``; False if there were none."""
        records, end = follow_log(self.folder.log, self._read, size)
        if not records:
            return False
        new, later = self.trials.read(records, self.writer)
        self.added += self.writer.add(new)
        self.changed += self.writer.amend(later)
        self._read = end
        return True

    def finish(self, listener: Listener) -> StudyResult:
        """Bring over the rest of the log, the front and the files in ``best/``."""
        while self.follow():
            listener.count(len(self.writer))
        whole, picked = self._front()
        for trials in self._of_front(picked):
            self.added += self.writer.add(trials)
            listener.count(len(self.writer))
        self.changed += self.writer.amend(self._members("reference.json", _of_published))
        files = self._members("front.json", lambda member: {FILE: member["file"]})
        self.changed += self.writer.mark(FILE, {genome: own[FILE] for genome, own in files.items()})
        return StudyResult(
            study=self.writer.spec.name,
            storage=str(self.writer.url),
            trials=len(self.writer),
            added=self.added,
            changed=self.changed,
            front=whole if self._ranks_genomes else None,
            left_out=whole - len(picked) if self._ranks_genomes else 0,
            unscored=self.trials.waiting,
        )

    @property
    def _ranks_genomes(self) -> bool:
        return not self.setup.quality.is_expensive

    def _front(self) -> tuple[int, Sequence[bytes]]:
        """Size of the whole front, and those of its genomes that become trials."""
        found = self.folder.read_json("whole_front.json")
        if found is None or not self._ranks_genomes:
            return 0, ()
        genomes = [bytes.fromhex(genome) for genome in found["genomes"]]
        if self.limit is None or self.limit >= len(genomes):
            return len(genomes), genomes
        problem = self.setup.problem
        minimised = np.array(found["values"], np.float64).reshape(len(genomes), -1) * problem.signs
        return len(genomes), [genomes[k] for k in spread(minimised, self.limit)]

    def _of_front(self, genomes: Sequence[bytes]) -> Iterator[list[Any]]:
        new = [genome for genome in genomes if genome.hex() not in self.writer]
        for start in range(0, len(new), AT_ONCE):
            yield self.trials.trials({genome: {} for genome in new[start : start + AT_ONCE]})

    def _members(self, file: str, said: Any) -> dict[str, dict[str, Any]]:
        """What a file of the run says of its networks, by genome."""
        found: Mapping[str, Any] = self.folder.read_json(file) or {"members": []}
        return {bytes(member["genome"]).hex(): said(member) for member in found["members"]}


def _of_published(member: Mapping[str, Any]) -> dict[str, Any]:
    facts = member.get("facts") or {}
    stated = {f"stated.{name}": facts[name] for name in ("top1",) if name in facts}
    return {PUBLISHED: facts.get("reference", member["name"]), **stated}
