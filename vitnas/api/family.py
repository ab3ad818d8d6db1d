"""A family of networks from one: ``vitnas.scale`` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from rich.console import RenderableType

from vitnas.api.inputs import read_all
from vitnas.api.keywords import (
    SCALE_READERS,
    WORKERS,
    Names,
    WorkerKeywords,
    check_resume,
    plugins_again,
    workers_of,
)
from vitnas.api.members import Members
from vitnas.api.signature import with_keywords
from vitnas.api.watching import watching
from vitnas.plain import printable
from vitnas.report.notebook.html import shown, to_html, to_text
from vitnas.report.terminal.family_table import family_notes, family_report, family_table
from vitnas.run.result import Member
from vitnas.scaling.family_files import FamilyResult, read_family
from vitnas.scaling.run_scale import Interrupted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vitnas.arch.schema import Architecture
    from vitnas.scaling.scale_config import ScaleConfig

CHANGEABLE = (*WORKERS, "trust", "progress")  # when a run goes on


class ResumeKeywords(WorkerKeywords, total=False):
    """What may change when a run goes on."""

    proxies: Names | None


class Family(Members):
    """The networks of a family by ascending size, and its folder: ``family[0]``, ``family["6M"]``.

    The quality of a network is its capacity, which is comparable within the family.

    Attributes:
        result: all figures, as the command ``scale --json`` prints them.
        state: ``finished``, ``interrupted``, ``failed``, ``running`` or ``died``.
    """

    def __init__(self, result: FamilyResult, state: str = "finished") -> None:
        self.result = result
        self.state = state
        rows = result.document.get("members", ())
        super().__init__(tuple(_member(row, result.path) for row in rows), "family")

    @classmethod
    def load(cls, path: str | Path) -> Family:
        """A family from its folder, see :func:`vitnas.load_run`."""
        return cls(*read_family(path))

    @classmethod
    def of(cls, scale: Callable[[], FamilyResult]) -> Family:
        """The family that a scaling makes; of one that is interrupted, what its folder holds."""
        try:
            return cls(scale())
        except Interrupted as early:
            return cls.load(early.path)

    @property
    def path(self) -> Path:
        """Of the folder, absolute."""
        return self.result.path.absolute()

    @property
    def missed(self) -> dict[str, str]:
        """Sizes that the rule did not reach, with the reason."""
        return self.result.missed

    @with_keywords(ResumeKeywords)
    def resume(self, **settings: Unpack[ResumeKeywords]) -> Family:
        """Go on as if it had never stopped; this object shows the new state.

        Args:
            proxies: again, where the run was given them as paths; or ``trust=True``.
            settings: who works and ``progress``, as in :func:`vitnas.scale`.
        """
        values = read_all(SCALE_READERS, settings, of="scale")
        values.pop("trust", None)
        return self._now(resumed({**values, "resume": str(self.path)}))

    def refresh(self) -> Family:
        """Read the folder again."""
        return self._now(Family.load(self.path))

    def _now(self, other: Family) -> Family:
        self.__init__(other.result, other.state)  # type: ignore[misc]
        return self

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw capacity against latency, or parameters without a device, beside the published networks.

        Raises:
            MissingExtra: matplotlib is not installed; names the extra.
        """
        from vitnas.report.figures.family_plot import draw_family

        return draw_family(self.result.document, ax)

    def report(self) -> str:
        """The table and everything that the command prints at the end, as text."""
        return to_text(family_report(self.result.document)) if len(self) else repr(self)

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain values, as ``scale --json`` prints them."""
        return self.result.to_dict()

    def _like(self, members: Sequence[Member]) -> Family:
        wanted = {member.written for member in members}
        rows = [row for row in self.result.document["members"] if row["file"] in wanted]
        document = {**self.result.document, "members": rows}
        return Family(FamilyResult(self.result.path, document, self.result.seconds), self.state)

    def _table(self, places: Sequence[int]) -> RenderableType:
        return family_table(self.result.document)

    def __repr__(self) -> str:
        title = f"<Family {self.path.name}: {self.state}, {len(self)} networks>"
        table = f"\n{to_text(self._table(self._shown()))}" if len(self) else ""
        return printable(title) + table

    def _repr_html_(self) -> str:
        title = f"<p><b>{shown(self.path.name)}</b>: {shown(self.state)}, {len(self)} networks</p>"
        if not len(self):
            return title
        document = self.result.document
        return title + to_html(family_table(document)) + to_html(family_notes(document))


def resumed(
    values: Mapping[str, Any], config: ScaleConfig | None = None, network: Architecture | None = None
) -> Family:
    """Go on with the run in the folder ``resume``.

    Args:
        values: keywords that were read.
        config: the settings of a whole scaling, which begin the run where there is none yet; None keeps the
            run's own.
        network: in place of the one that ``config`` names.

    Raises:
        InvalidInput: a keyword changes what a run keeps.
    """
    from vitnas.scaling.run_scale import resume_scale

    values, same = dict(values), {}
    if config is None:
        same = plugins_again(values, "proxies")
        check_resume(values, CHANGEABLE)
    run, workers = values["resume"], workers_of(values)
    with watching(values.get("progress")) as watch:
        return Family.of(
            lambda: resume_scale(
                run, config=config, workers=workers, listener=watch, network=network, same=same
            )
        )


def _member(row: Mapping[str, Any], folder: Path) -> Member:
    """A network of ``family.json``."""
    return Member(
        name=row["name"],
        id=row["id"],
        genome=(),
        costs=row["costs"],
        quality=row["capacity"],
        depth=sum(row["depths"]),
        written=row["file"],
        scores={name: {"value": value} for name, value in row["scores"].items()},
        out_of_domain=tuple(row["out_of_domain"]),
        facts={name: row[name] for name in ("size", "step", "move", "depths", "widths", "resolution_px")},
        folder=folder,
    )
