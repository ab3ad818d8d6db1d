"""Networks in an order: by position, slice, id or name; as a table, as a data frame."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, overload

from rich.console import RenderableType

from vitnas.errors import InvalidInput, missing_extra, unknown
from vitnas.report.notebook.html import to_html, to_text
from vitnas.report.terminal.member_names import short_name
from vitnas.run.result import Member

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN = 40  # networks of a table; of more the first and last are shown


class NoSuchMember(InvalidInput, IndexError):
    """A position that a front does not have."""


class Members(Sequence[Member], abc.ABC):
    """Networks in an order, each by its position, its id or the name of its file.

    Args:
        members: the networks.
        name: what they are, for errors and ``repr``.
    """

    def __init__(self, members: Sequence[Member], name: str) -> None:
        self.members = members
        self.name = name

    @abc.abstractmethod
    def _like(self, members: Sequence[Member]) -> Members:
        """Others of the same kind."""

    @abc.abstractmethod
    def _table(self, places: Sequence[int]) -> RenderableType:
        """The networks at these positions, a row each, with their positions."""

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    @overload
    def __getitem__(self, at: int | str) -> Member: ...
    @overload
    def __getitem__(self, at: slice) -> Self: ...
    def __getitem__(self, at: int | str | slice) -> Member | Members:
        if isinstance(at, slice):
            return self._like(self.members[at])
        if isinstance(at, str):
            return self._named(at)
        position = getattr(at, "__index__", None)
        if position is None:
            raise InvalidInput(f"{self.name}[{at!r}]: expected a position, a slice, an id or a file's name")
        k = int(position())
        if not -len(self) <= k < len(self):
            there = f"there are {len(self)}, 0 to {len(self) - 1}" if len(self) else "there is none"
            raise NoSuchMember(f"{self.name}[{k}]: no such network, {there}")
        return self.members[k]

    def _named(self, name: str) -> Member:
        names = {n: member for member in self.members for n in (member.id, short_name(member)) if n}
        if name not in names:
            raise unknown("network", name, names, where=self.name)
        return names[name]

    def to_pandas(self) -> DataFrame:
        """A table with a row for each network: name, id, quality, every cost, scores, file.

        Raises:
            MissingExtra: pandas is not installed; names the extra.
        """
        return self._frame([_row(member) for member in self.members])

    def _frame(self, data: Any) -> DataFrame:
        try:
            import pandas
        except ImportError:
            raise missing_extra("pandas", "notebook") from None
        return pandas.DataFrame(data)

    def __repr__(self) -> str:
        return to_text(self._table(self._shown())) if len(self) else f"<{self.name}: empty>"

    def _repr_html_(self) -> str:
        return to_html(self._table(self._shown())) if len(self) else f"<p>{self.name}: empty</p>"

    def _shown(self) -> Sequence[int]:
        places = range(len(self))
        if len(self) <= SHOWN:
            return places
        return [*places[: SHOWN // 2], *places[-(SHOWN // 2) :]]


def _row(member: Member) -> dict[str, Any]:
    """A network as a row of a table; scores and rungs each in a column of their own."""
    found: dict[str, Any] = {
        "network": short_name(member),
        "id": member.id,
        "quality": member.quality,
        **member.costs,
        "depth": member.depth,
        "feasible": member.feasible,
        "health": member.health.get("verdict"),
    }
    found |= {f"rung {name}": value for name, value in member.rungs.items()}
    scores = {name: entry.get("value") for name, entry in member.scores.items()}
    return found | {k: v for k, v in scores.items() if k not in found} | {"file": member.file or None}
