"""Watching a search in a notebook: one line that is redrawn in place."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from typing import Any

from vitnas.events import Snapshot
from vitnas.plain import printable
from vitnas.report.terminal.progress import Stage, hypervolume_pieces, progress_and_left
from vitnas.report.terminal.wording import count, duration, speed

EVERY_S = 0.25
BAR = "width:12em;vertical-align:middle"
STYLE = "font-family:monospace;white-space:pre-wrap"


def in_notebook() -> bool:
    """Whether a kernel runs this process, whose front end draws HTML in place."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class LiveLine:
    """A line of progress in a notebook, which goes at the end; warnings stay. A context manager.

    It needs no widgets: an output that is replaced works in every front end.

    Args:
        time_s: the time limit of the search, if it has one.
        show: draws HTML; returns what has ``update``. None for the notebook's own.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        time_s: float | None = None,
        show: Callable[[str], Callable[[str], None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.time_s = time_s
        self.clock = clock
        self._show = show or _display
        self._draw: Callable[[str], None] | None = None
        self._stage = Stage("starting", "", clock())
        self._next_s = 0.0

    def __enter__(self) -> LiveLine:
        self._draw = self._show("")
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def stage(self, name: str, detail: str = "") -> None:
        """A new stage begins."""
        self._stage = Stage(name, detail, self.clock())
        self._update(now=True)

    def count(self, done: int, total: int | None = None) -> None:
        """Progress inside a stage."""
        self._stage.done, self._stage.total = done, total
        self._update()

    def snapshot(self, snapshot: Snapshot) -> None:
        """The loop has come this far."""
        self._stage.snapshot = snapshot
        self._update()

    def warn(self, text: str) -> None:
        """Below the line, where it stays."""
        self._show(_html(f"warning: {text}"))

    def _update(self, *, now: bool = False) -> None:
        if now or self.clock() >= self._next_s:
            self._next_s = self.clock() + EVERY_S
            self._write(_html(self._text(), self._share()))

    def _write(self, text: str) -> None:
        if self._draw is not None:
            self._draw(text)

    def _share(self) -> float | None:
        """How much of the stage is over; None if nobody knows."""
        stage = self._stage
        if stage.snapshot is not None:
            return progress_and_left(stage.snapshot, self.time_s, self.clock() - stage.started)[0]
        return stage.done / stage.total if stage.total else None

    def _text(self) -> str:
        stage, now = self._stage, self._stage.snapshot
        if now is None:
            of = f" of {count(stage.total)}" if stage.total else ""
            done = [f"{count(stage.done)}{of}"] if stage.done else []
            return " · ".join([stage.name, *([stage.detail] if stage.detail else []), *done])
        _, left = progress_and_left(now, self.time_s, self.clock() - stage.started)
        trials = f"{count(now.trials)} of {count(now.target_trials)}"
        return " · ".join(
            [stage.name, trials, speed(now.rate), f"{duration(left)} left", *hypervolume_pieces(now)]
        )


def _html(text: str, share: float | None = None) -> str:
    bar = "" if share is None else f'<progress value="{share:.3f}" style="{BAR}"></progress> '
    return f'<div style="{STYLE}">{bar}{html.escape(printable(text))}</div>'


def _display(text: str) -> Callable[[str], None]:
    """Show HTML in the notebook's output; returns what replaces it."""
    from IPython.display import HTML, display

    handle: Any = display(HTML(text), display_id=True)
    return lambda new: handle.update(HTML(new))
