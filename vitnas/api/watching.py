"""What is shown while something runs: a live view in a terminal, a line in a notebook, nothing elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

from vitnas.events import Listener, Snapshot
from vitnas.plain import printable

LOGGER = logging.getLogger("vitnas")
LOGGER.addHandler(logging.NullHandler())


class LoggedListener:
    """Tells the logger ``vitnas`` of stages (INFO) and warnings (WARNING), and another listener all.

    Args:
        other: is told everything as well; None for nobody.
    """

    def __init__(self, other: Listener | None = None) -> None:
        self.other = other

    def stage(self, name: str, detail: str = "") -> None:
        """Log it."""
        LOGGER.info("%s: %s" if detail else "%s%s", printable(name), printable(detail))
        if self.other is not None:
            self.other.stage(name, detail)

    def count(self, done: int, total: int | None = None) -> None:
        """Not logged."""
        if self.other is not None:
            self.other.count(done, total)

    def snapshot(self, snapshot: Snapshot) -> None:
        """Not logged."""
        if self.other is not None:
            self.other.snapshot(snapshot)

    def warn(self, text: str) -> None:
        """Log it."""
        LOGGER.warning("%s", printable(text))
        if self.other is not None:
            self.other.warn(text)


@contextlib.contextmanager
def watching(progress: bool | Listener | None, *, time_s: float | None = None) -> Iterator[Listener]:
    """A listener for as long as something runs.

    Args:
        progress: True shows progress, False nothing, None progress where somebody can see it: in a terminal
            and in a notebook. A listener of the caller's own is told everything; one that is a context
            manager is entered.
        time_s: the time limit of the work, if it has one.
    """
    with _view(progress, time_s) as view:
        yield LoggedListener(view)


def _view(
    progress: bool | Listener | None, time_s: float | None
) -> contextlib.AbstractContextManager[Listener | None]:
    from vitnas.report.console import SafeConsole
    from vitnas.report.notebook.live_line import LiveLine, in_notebook
    from vitnas.report.terminal.live import LiveView
    from vitnas.report.terminal.plain_view import PlainView

    if progress is False:
        return contextlib.nullcontext()
    if progress is not None and progress is not True:
        own: Any = progress if hasattr(type(progress), "__enter__") else contextlib.nullcontext(progress)
        return own  # type: ignore[no-any-return]
    if in_notebook():
        return LiveLine(time_s=time_s)
    console = SafeConsole(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console, time_s=time_s)
    return PlainView(sys.stderr, time_s=time_s) if progress else contextlib.nullcontext()
