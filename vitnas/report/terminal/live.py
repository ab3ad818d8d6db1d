"""Watching a search on a terminal: a view that is redrawn in place."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from vitnas.events import Snapshot
from vitnas.plain import printable
from vitnas.report.terminal.plots import Scatter
from vitnas.report.terminal.progress import Stage, front_scatter, hypervolume_pieces, progress_and_left
from vitnas.report.terminal.wording import count, duration, speed

REFRESHES_PER_S = 5
MARGIN = 2  # columns left free, so that the terminal's own "^C" does not wrap the last line
PLOT_LINES = 14
NAME_WIDTH = 26  # of a stage
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class LiveView:
    """Redraws stages, progress, hypervolume and the front in place; a context manager.

    The loop only leaves its latest snapshot here; drawing happens a few times a second in a thread of
    ``rich``, so that a fast loop is not slowed down by a slow terminal.

    Args:
        console: writes to a terminal.
        time_s: the time limit of the search, if it has one.
        words: how a warning is worded here.
        clock: seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        time_s: float | None = None,
        words: Callable[[str], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stages: list[Stage] = []
        self.time_s = time_s
        self.words = words
        self.clock = clock
        self._closed = ""
        self._live = Live(
            console=console,
            get_renderable=lambda: self,
            refresh_per_second=REFRESHES_PER_S,
            vertical_overflow="crop",
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_stage()
        self._closed = "broken" if kind is not None else "done"
        self._live.stop()

    def stage(self, name: str, detail: str = "") -> None:
        """A new stage begins."""
        self._end_stage()
        self.stages.append(Stage(name, printable(detail), self.clock()))

    def count(self, done: int, total: int | None = None) -> None:
        """Progress inside a stage."""
        if self.stages:
            self.stages[-1].count(done, total, self.clock())

    def snapshot(self, snapshot: Snapshot) -> None:
        """Keep the latest moment of the loop; the next redraw shows it."""
        if self.stages:
            self.stages[-1].snapshot = snapshot

    def warn(self, text: str) -> None:
        """Print above the view, where it stays."""
        self._live.console.print(Text(f"warning: {self.words(text)}", style="yellow"))

    def _end_stage(self) -> None:
        if self.stages and self.stages[-1].seconds is None:
            self.stages[-1].seconds = self.clock() - self.stages[-1].started

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The whole view at this moment, never wider or higher than the terminal."""
        width = max(options.max_width - MARGIN, 10)
        lines = [line for stage in list(self.stages) for line in self._stage_lines(stage, width)]
        for line in lines:
            if isinstance(line, Text):
                line.no_wrap, line.overflow = True, "ellipsis"
                line.truncate(width, overflow="ellipsis")
            yield line
        plot = self._plot(console.size.height - len(lines) - 1)
        if plot is not None:
            yield from console.render(plot, options.update(width=width, height=None))

    def _stage_lines(self, stage: Stage, width: int) -> list[RenderableType]:
        over = stage.seconds is not None
        mark, style = self._mark(stage)
        text = stage.outcome if over else stage.detail
        name = f"{stage.name:<{NAME_WIDTH}} " if text else stage.name
        line = Text.assemble((f"{mark} ", style), (name, "" if over else "bold"))
        took = f"  {duration(stage.seconds)}" if stage.seconds is not None else ""
        free = width - len(line) - len(took)
        line.append(_cut(text, free), style="dim").append(took, style="dim")
        return [line] if over else [line, *self._progress(stage, width - 2)]

    def _mark(self, stage: Stage) -> tuple[str, str]:
        if stage.seconds is None:
            return _SPINNER[int(self.clock() * 8) % len(_SPINNER)], "cyan"
        broken = self._closed == "broken" and stage is self.stages[-1]
        return ("×", "red") if broken else ("✓", "green")

    def _progress(self, stage: Stage, width: int) -> list[RenderableType]:
        now = stage.snapshot
        if now is None:
            bar = [_bar(stage.done / stage.total, width)] if stage.total else []
            return [*bar, _pieces(stage.counted(self.clock()), width)] if bar or stage.done else []
        gone, left = progress_and_left(now, self.time_s, self.clock() - stage.started)
        trials = f"{count(now.trials)} of {count(now.target_trials)}"
        lines = [_bar(gone, width), _pieces([trials, speed(now.rate), f"{duration(left)} left"], width)]
        return [*lines, _pieces(hypervolume_pieces(now), width)]

    def _plot(self, free: int) -> Scatter | None:
        """The front so far; it stays while its networks are checked."""
        now = next((stage.snapshot for stage in reversed(self.stages) if stage.snapshot is not None), None)
        if now is None or self._closed or not len(now.front):
            return None
        return front_scatter(now, min(PLOT_LINES, free))


def _bar(share: float, width: int) -> RenderableType:
    return _Indented(ProgressBar(total=1.0, completed=share, width=min(width, 60)))


@dataclass(frozen=True)
class _Indented:
    """A renderable of one line, two columns to the right."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("  ", end="")
        yield self.inner
        yield Text()


def _pieces(pieces: Sequence[str], width: int) -> Text:
    """As many pieces as fit, from the left."""
    text = pieces[0]
    for piece in pieces[1:]:
        if len(text) + len(piece) + 3 > width:
            break
        text += f" · {piece}"
    return Text(f"  {_cut(text, width)}")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…" * (width > 0)
