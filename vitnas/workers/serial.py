"""One task after the other, in this process."""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from vitnas.workers.base import Failure

T = TypeVar("T")
R = TypeVar("R")


def attempt(function: Callable[[T], R], item: T) -> R | Failure:
    """The result of one task, or why there is none. A KeyboardInterrupt passes through."""
    try:
        return function(item)
    except Exception as error:
        return Failure(describe(error), tracebacks.format_exc())


def describe(error: BaseException) -> str:
    """An exception as one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Serial:
    """Runs tasks here and now: results come in the order of the items."""

    size = 1

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """See ``Workers.map``."""
        for index, item in enumerate(items):
            yield index, attempt(function, item)

    def close(self) -> None:
        """Nothing to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
