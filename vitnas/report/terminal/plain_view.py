"""Watching a search in a pipe or a log: plain lines."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TextIO

from vitnas.events import Snapshot
from vitnas.plain import printable
from vitnas.report.terminal.progress import Stage, hypervolume_pieces, progress_and_left
from vitnas.report.terminal.wording import count, duration, speed

EVERY_S = 30.0


class PlainView:
    """A few plain lines: one a stage, and progress every half minute; a context manager like `LiveView`.

    Args:
        stream: stderr, so that stdout holds the result alone.
        time_s: the time limit of the search, if it has one.
        words: how a warning is worded here.
        clock: seconds.
        every_s: between two lines of progress.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        time_s: float | None = None,
        words: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = EVERY_S,
    ) -> None:
        self.stream = stream
        self.time_s = time_s
        self.words = words
        self.clock = clock
        self.every_s = every_s
        self._stage = Stage("", "", clock())
        self._next_s = -math.inf
        self._unsaid = ""

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()

    def stage(self, name: str, detail: str = "") -> None:
        """A line for the stage."""
        self._flush()
        self._stage = Stage(name, detail, self.clock())
        self._next_s = self.clock() + self.every_s
        self._write(f"{name}: {detail}" if detail else name)

    def count(self, done: int, total: int | None = None) -> None:
        """At most one line every half minute."""
        self._stage.count(done, total, self.clock())
        if self.clock() >= self._next_s:
            self._say(f"{self._stage.name}: {', '.join(self._stage.counted(self.clock()))}")

    def snapshot(self, snapshot: Snapshot) -> None:
        """At most one line every half minute; the last moment of a stage is always said."""
        self._stage.snapshot = snapshot
        if self.clock() >= self._next_s:
            self._say(self._progress(snapshot))

    def warn(self, text: str) -> None:
        """A line at once."""
        self._write(f"warning: {self.words(text)}")

    def _progress(self, now: Snapshot) -> str:
        gone, left = progress_and_left(now, self.time_s, self.clock() - self._stage.started)
        trials = f"{count(now.trials)} of {count(now.target_trials)} ({100 * gone:.0f} %)"
        ahead = [f"{duration(left)} left"] if left > 0 else []
        pieces = [trials, speed(now.rate), *ahead, *hypervolume_pieces(now)]
        return f"{self._stage.name}: " + ", ".join(pieces)

    def _say(self, text: str) -> None:
        self._write(text)
        self._stage.snapshot = None
        self._next_s = self.clock() + self.every_s

    def _flush(self) -> None:
        if self._stage.snapshot is not None:
            self._say(self._progress(self._stage.snapshot))

    def _write(self, text: str) -> None:
        self.stream.write(printable(text) + "\n")
        self.stream.flush()
