"""Where work runs: one protocol, so that a search does not know whether it has one process or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Failure:
    """What is left of a task that gave no result.

    Attributes:
        reason: one line: the exception's type and message, or how the worker died.
        detail: the traceback, where there is one.
    """

    reason: str
    detail: str = ""


class Workers(Protocol):
    """Runs tasks. Used as a context manager, it leaves nothing running behind."""

    @property
    def size(self) -> int:
        """How many tasks run at once."""
        ...

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """Call ``function`` on every item.

        Yields:
            The item's position and its result, in the order of completion; the caller sorts. A task that
            raises gives a ``Failure`` and the others go on.
        """
        ...

    def close(self) -> None:
        """End at once, whatever is running."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
