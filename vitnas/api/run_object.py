"""A search that was run: what it found, how it stands, and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from vitnas import plugins
from vitnas.api.front import Front
from vitnas.api.inputs import read_all
from vitnas.api.keywords import (
    SEARCH_READERS,
    WORKERS,
    Names,
    WorkerKeywords,
    check_resume,
    plugins_again,
    workers_of,
)
from vitnas.api.signature import with_keywords
from vitnas.api.watching import watching
from vitnas.plain import printable
from vitnas.report.notebook.html import shown, to_html, to_text
from vitnas.report.terminal.member_names import short_name
from vitnas.report.terminal.tables import front_table
from vitnas.report.terminal.wording import count
from vitnas.run.read_result import read_result, read_whole_front
from vitnas.run.result import Member, SearchResult, kept_space

if TYPE_CHECKING:
    from vitnas.labelling import Added, Asked
    from vitnas.searching.config import SearchConfig
    from vitnas.space.space import Space
    from vitnas.study.sync import StudyResult

CHANGEABLE = ("trials", "time", *WORKERS, "trust", "mirror", "progress")  # when a run goes on
LABELS_WANTED = 50  # that `ask_labels` asks for


class ResumeKeywords(WorkerKeywords, total=False):
    """What may change when a run goes on."""

    trials: int | float | str | None
    time: float | str | None
    mirror: str | None
    strategy: str | None
    quality: str | None
    then: Names | None


class Run:
    """A search and its folder; :func:`vitnas.search` and :func:`vitnas.load_run` make it.

    Attributes:
        result: all figures, as the command ``search --json`` prints them.
        held_by: the process that works on the folder at present; empty if none does.
    """

    def __init__(self, result: SearchResult, held_by: str = "") -> None:
        self.result = result
        self.held_by = held_by

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """A run from its folder, see :func:`vitnas.load_run`."""
        result, info = read_result(path)
        return cls(result, str(info.holder) if info.holder else "")

    @classmethod
    def of(cls, search: Callable[[], SearchResult]) -> Run:
        """The run that a search makes; of one that is interrupted early, what its folder holds."""
        from vitnas.run.search import Interrupted

        try:
            return cls(search())
        except Interrupted as early:
            return cls.load(early.path)

    @property
    def path(self) -> Path:
        """Of the folder, absolute."""
        return self.result.path.absolute()

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.path.name

    @property
    def state(self) -> str:
        """``finished``, ``interrupted``, ``out of time``, ``rung failed``, ``running`` or ``died``."""
        return self.result.state

    @cached_property
    def front(self) -> Front:
        """The networks that were checked and written, by ascending cost; of a run that is not over, some of
        what it has found so far."""
        return Front(self.result.front, self.result)

    @cached_property
    def whole_front(self) -> Front:
        """All of the front, of which ``front`` is an even selection; only those were checked."""
        return Front(read_whole_front(self.result), self.result, "whole_front")

    @cached_property
    def references(self) -> Front:
        """The published networks of the space, priced and scored in this run."""
        return Front(self.result.references, self.result, "references")

    @property
    def choice(self) -> Member | None:
        """What the strategy itself would take, if it has a view of its own."""
        return self.result.choice

    @property
    def settings(self) -> dict[str, Any]:
        """What the run was asked."""
        return self.result.config.to_dict()

    @property
    def space(self) -> Space:
        """What was searched, from the copy in the folder."""
        return kept_space(self.path)

    @with_keywords(ResumeKeywords)
    def resume(self, **settings: Unpack[ResumeKeywords]) -> Run:
        """Go on as if it had never stopped, for example to more trials; this object shows the new state.

        Args:
            trials: in all.
            time: a time limit, from now.
            strategy, quality, then: again, where the run was given them as paths; or ``trust=True``.
            settings: who works (``workers``, ``ray`` ...), ``mirror`` and ``progress``, as in
                :func:`vitnas.search`.

        Raises:
            RunLocked: another process works on it.
            RunError: what it rests on has changed.
        """
        values = read_all(SEARCH_READERS, settings, of="search")
        values.pop("trust", None)
        return self._now(resumed({**values, "resume": str(self.path)}))

    def refresh(self) -> Run:
        """Read the folder again: how far a run has come that another process works on."""
        return self._now(Run.load(self.path))

    def _now(self, other: Run) -> Run:
        self.__dict__.clear()
        self.__dict__.update(vars(Run(other.result, other.held_by)))
        return self

    def ask_labels(
        self,
        count: int = LABELS_WANTED,
        *,
        out: str | Path | None = None,
        label: str | None = None,
        trust: bool = False,
    ) -> Asked:
        """Write architectures that a fit is least certain of, and a table to fill in.

        Args:
            count: how many.
            out: folder; None for one of the run's own.
            label: name of the column; None for the run's labels', or ``accuracy``.
            trust: whether code that the run names by its path may be imported.
        """
        from vitnas.labelling import ask_labels

        with plugins.trusting(trust):
            return ask_labels(self.path, count, out=out, label=label)

    def add_labels(self, file: str | Path, *, label: str | None = None, trust: bool = False) -> Added:
        """Take the labels of a table; ``vitnas.search(labels=run)`` learns from them.

        Args:
            file: the table, such as a filled-in ``to_label.csv``.
            label: its column; None where there is one.
            trust: whether code that the run, or a network of the table, names by its path may be imported.
        """
        from vitnas.labelling import add_labels

        with plugins.trusting(trust):
            return add_labels(self.path, file, label=label)

    def write_study(
        self, storage: str, *, name: str | None = None, limit: int | None = None, trust: bool = False
    ) -> StudyResult:
        """Write the run as an Optuna study; again, and it adds what is new.

        Args:
            storage: URL of a database, such as ``sqlite:///study.db``.
            name: of the study; None for the run's.
            limit: networks of the whole front at most; None for all.
            trust: whether code that the run names by its path may be imported.
        """
        from vitnas.study.sync import write_study

        with plugins.trusting(trust):
            return write_study(self.path, storage, name=name, limit=limit)

    def report(self) -> str:
        """The table and everything that the command prints at the end, as text."""
        from vitnas.report.terminal.summary import report

        return to_text(report(self.result))

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain values, as ``search --json`` prints them."""
        return self.result.to_dict()

    def __repr__(self) -> str:
        return printable(f"<Run {self._title()}\n  {self._found()}\n  {self.result.path}>")

    def _title(self) -> str:
        state = f"running in {self.held_by}" if self.held_by else self.state
        return f"{self.name}: {state}, {count(self.result.trials)} trials"

    def _found(self) -> str:
        size, best = self.result.front_size, _best(self.result)
        if best is None:
            return f"front: {count(size)} networks" if size else "nothing found so far"
        return f"front: {count(size)} networks, {count(len(self.front))} of them here; best {_said(best)}"

    def _repr_html_(self) -> str:
        found = f"<p><b>{shown(self._title())}</b>; {shown(self._found())}</p>"
        return found + (to_html(front_table(self.result, numbered=True)) if len(self.front) else "")


def resumed(values: Mapping[str, Any], config: SearchConfig | None = None, space: Space | None = None) -> Run:
    """Go on with the run in the folder ``resume``.

    Args:
        values: keywords that were read.
        config: the settings of a whole search, which begin the run where there is none yet; None keeps the
            run's own.
        space: in place of the one that ``config`` names.

    Raises:
        InvalidInput: a keyword changes what a run keeps.
    """
    from vitnas.run.search import resume_search
    from vitnas.study.mirror import mirroring

    changed: dict[str, Any] = {}
    if config is None:
        values = dict(values)
        changed["same"] = plugins_again(values, "strategy", "quality", "then")
        check_resume(values, CHANGEABLE)
        changed |= {"trials": values.get("trials"), "time_s": values.get("time")}
    workers = workers_of(values)
    with watching(values.get("progress"), time_s=values.get("time")) as watch:
        return Run.of(
            lambda: resume_search(
                values["resume"],
                config=config,
                workers=workers,
                beside=mirroring(values.get("mirror")),
                listener=watch,
                space=space,
                **changed,
            )
        )


def _best(result: SearchResult) -> Member | None:
    rated = [member for member in result.front if member.quality is not None]
    return max(rated, key=lambda member: member.quality or 0.0) if rated else None


def _said(member: Member) -> str:
    return f"{repr(member).partition(': ')[2].rstrip('>')} ({short_name(member)})"
