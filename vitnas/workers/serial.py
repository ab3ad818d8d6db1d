"""One task after the other, in this process."""

from __future__ import annotations

import itertools
import time
import traceback as tracebacks
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from vitnas.errors import describe
from vitnas.workers.pool import Failure, Workers

T = TypeVar("T")
R = TypeVar("R")


def attempt(function: Callable[[T], R], item: T) -> R | Failure:
    """The result of one task, or why there is none. A KeyboardInterrupt passes through."""
    try:
        return function(item)
    except Exception as error:
        return Failure(describe(error), tracebacks.format_exc())


class Serial(Workers):
    """Runs tasks here and now, when they are waited for: results come in the order of the items."""

    size = 1
    depth = 1
    group_s = 0.1  # cheap tasks come back in groups: a log writes a group at the price of one

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._queue: deque[tuple[int, Callable[[Any], Any], Any]] = deque()

    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """See ``Workers.submit``."""
        ticket = next(self._tickets)
        self._queue.append((ticket, function, item))
        return ticket

    def wait(self) -> list[tuple[int, Any]]:
        """See ``Workers.wait``."""
        finished: list[tuple[int, Any]] = []
        started = time.monotonic()
        while self._queue and (not finished or time.monotonic() - started < self.group_s):
            ticket, function, item = self._queue.popleft()
            finished.append((ticket, attempt(function, item)))
        return finished

    def cancel(self) -> None:
        """See ``Workers.cancel``."""
        self._queue.clear()

    def close(self) -> None:
        """See ``Workers.close``."""
        self.cancel()
