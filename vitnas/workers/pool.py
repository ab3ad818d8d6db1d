"""Where work runs: one interface, so that a search does not know whether it has one process or many."""

from __future__ import annotations

import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

DEATHS = 2  # a task that was alone with this many workers when they died is the cause
LOSSES = 10  # nodes that a task may lose, which is nobody's fault


@dataclass(frozen=True)
class Failure:
    """What is left of a task that gave no result.

    Attributes:
        reason: one line: the exception's type and message, or how the worker died.
        detail: the traceback, where there is one.
    """

    reason: str
    detail: str = ""


class Workers(ABC):
    """Runs tasks. Used as a context manager, it leaves nothing running behind.

    A task is a function and an item. The function is importable (top level of a module) or a
    ``functools.partial`` of one; functions, items and results can be pickled. A function goes to each worker
    once, so what many tasks share stands in the partial, and items are small.

    Attributes:
        size: how many tasks run at once.
    """

    size: int

    @property
    @abstractmethod
    def depth(self) -> int:
        """How many tasks, running and queued, keep every worker busy."""

    @abstractmethod
    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """Queue a task; never waits for one.

        Returns:
            a ticket: 0, 1, 2 and so on over the life of the workers.

        Raises:
            InvalidInput: the function cannot be sent.
        """

    @abstractmethod
    def wait(self) -> list[tuple[int, Any]]:
        """Wait until at least one task has finished.

        Returns:
            tickets with results, in the order of completion; a task that gave none has a ``Failure``. Empty
            when nothing is queued or running.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Forget what is queued, and stop what runs: no ticket given so far will be returned."""

    def rest(self) -> None:  # noqa: B027
        """Give back what idle workers hold, such as CPUs of a cluster; they come with the next task."""

    @abstractmethod
    def close(self) -> None:
        """End at once, whatever is running."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """Call ``function`` on every item; items are taken as workers become free.

        Yields:
            The item's position and its result, in the order of completion; the caller sorts. A task that
            raises gives a ``Failure`` and the others go on.
        """
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


def hung(timeout_s: float) -> str:
    """The reason of a task that took too long."""
    return f"did not finish within {timeout_s:g} s, the time limit of a candidate"


def killed(how: str) -> str:
    """The reason of a task that its workers did not outlive."""
    return f"killed two workers ({how})"


def lost() -> str:
    """The reason of a task whose nodes kept leaving."""
    return f"lost its node {LOSSES + 1} times"


def exit_words(code: int | None) -> str:
    """How a process ended, by its exit code."""
    if code is None or code >= 0:
        return f"exit code {code}"
    if code == -signal.SIGKILL:
        return "signal 9: most likely for want of memory"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables of this process and of those that start while it lasts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
