"""Where work runs: one protocol, so that a search does not know whether it has one process or many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

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
    """Runs tasks. Used as a context manager, it leaves nothing running behind.

    A task is a function and an item. The function is importable (top level of a module) or a
    ``functools.partial`` of one; functions, items and results can be pickled. A function goes to each worker
    once, so what many tasks share stands in the partial, and items are small.
    """

    @property
    def size(self) -> int:
        """How many tasks run at once."""
        ...

    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """Queue a task; never waits for one.

        Returns:
            a ticket: 0, 1, 2 and so on over the life of the workers.

        Raises:
            InvalidInput: the function cannot be sent.
        """
        ...

    def wait(self) -> list[tuple[int, Any]]:
        """Wait until at least one task has finished.

        Returns:
            tickets with results, in the order of completion; a task that gave none has a ``Failure``. Empty
            when nothing is queued or running.
        """
        ...

    def cancel(self) -> None:
        """Forget what is queued, and stop what runs: no ticket given so far will be returned."""
        ...

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """Call ``function`` on every item; items are taken as workers become free.

        Yields:
            The item's position and its result, in the order of completion; the caller sorts. A task that
            raises gives a ``Failure`` and the others go on.
        """
        ...

    def rest(self) -> None:
        """Give back what idle workers hold, such as CPUs of a cluster; they come with the next task."""
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


class Pool(ABC):
    """What all workers have in common: ``map`` by ``submit`` and ``wait``, and the end of a ``with``."""

    @property
    @abstractmethod
    def depth(self) -> int:
        """How many tasks, running and queued, keep every worker busy."""

    @abstractmethod
    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """See ``Workers.submit``."""

    @abstractmethod
    def wait(self) -> list[tuple[int, Any]]:
        """See ``Workers.wait``."""

    @abstractmethod
    def cancel(self) -> None:
        """See ``Workers.cancel``."""

    def rest(self) -> None:  # noqa: B027
        """See ``Workers.rest``; without effect where idle workers hold nothing."""

    @abstractmethod
    def close(self) -> None:
        """See ``Workers.close``."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """See ``Workers.map``."""
        source = enumerate(items)
        positions: dict[int, int] = {}
        try:
            while True:
                while len(positions) < self.depth and (entry := next(source, None)) is not None:
                    position, item = entry
                    positions[self.submit(function, item)] = position
                if not positions:
                    return
                for ticket, result in self.wait():
                    yield positions.pop(ticket), result
        finally:
            if positions:  # left early: what still runs would answer the next caller
                self.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
