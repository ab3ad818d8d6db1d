"""What the profile commands print with."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from vitnas.cli._common import print_table, say

if TYPE_CHECKING:
    from vitnas.hardware.measure.reduce import Made
    from vitnas.hardware.profile.profile_fields import Profile
    from vitnas.hardware.published.latency_rows import LatencyRow
    from vitnas.hardware.roofline.metrics import ErrorSummary


def print_summary(summary: ErrorSummary) -> None:
    """Two lines of errors."""
    say(
        f"n {summary.n}   MAPE {100 * summary.mape:.1f} %   "
        f"median error {100 * summary.median_error:.1f} %   90 % quantile {100 * summary.p90:.1f} %\n"
        f"within 10 %: {100 * summary.within_10:.0f} %   within 20 %: {100 * summary.within_20:.0f} %   "
        f"Spearman {summary.spearman:.3f}   Kendall {summary.kendall:.3f}"
    )


def print_skipped(skipped: Sequence[tuple[LatencyRow, str]]) -> None:
    """Rows that could not be used, each with its reason."""
    if skipped:
        say(f"\nskipped {len(skipped)} rows:")
        print_table(
            ("line", "model", "reason"), [(str(r.line), r.model or r.timm_name, why) for r, why in skipped]
        )


class Progress:
    """A line on the terminal's error stream that says which network is being traced; silent elsewhere."""

    def __init__(self, verb: str) -> None:
        from vitnas.report.console import SafeConsole

        self._verb = verb
        self._status = SafeConsole(stderr=True).status(verb)
        self._shown = SafeConsole(stderr=True).is_terminal

    def __enter__(self) -> Progress:
        if self._shown:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._status.stop()

    def __call__(self, row: LatencyRow) -> None:
        self._status.update(f"{self._verb} {row.timm_name or row.model}")


def names_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of lists with commas."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def print_calibration(profile: Profile) -> None:
    """How a table's blocks make a network, and how wrong its predictions are."""
    calibration, prediction = profile.calibration, profile.prediction
    assert calibration is not None and prediction is not None
    say(
        f"a network: {calibration.base_ms:.3g} ms + {calibration.scale:.3f} x the sum of its blocks "
        f"({calibration.networks} networks)\n"
        f"a block that is not in the table: predicted, {100 * prediction.error:.0f} % off "
        f"({100 * prediction.unseen_error:.0f} % where its operator is not either)"
    )


def print_held_out(made: Made) -> None:
    """Errors on networks that a table was not made from; without any, what the networks took."""
    from vitnas.hardware.roofline.metrics import summarize

    if made.profile.error is None:
        say("\nerror: unknown, no network was held out")
        for name, ms in made.networks.items():
            say(f"{name}: {ms:.4g} ms, measured")
        return
    say(f"\nerror, {made.profile.error.method}:")
    print_summary(summarize([r.predicted_ms for r in made.held_out], [r.true_ms for r in made.held_out]))


class Bar:
    """A bar with the time left on a terminal; a line every twentieth elsewhere, all on stderr.

    Args:
        doing: such as ``measuring``, beside the bar.
        did: such as ``measured``, in the lines.
    """

    def __init__(self, doing: str, did: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        from vitnas.report.console import SafeConsole

        console = SafeConsole(file=sys.stderr)  # by value: converters are silenced by replacing sys.stderr
        self._doing, self._did = doing, did
        self._live = console.is_terminal and not console.is_dumb_terminal
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[last]}", style="dim", markup=False),
            console=console,
            disable=not self._live,
            redirect_stderr=False,
        )
        self._task: Any = None
        self._start = time.monotonic()
        self._first = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def traced(self, blocks: int) -> None:
        """Show that blocks are listed."""
        if self._task is None:
            self._task = self._bar.add_task("listing blocks", total=None, last="")
        self._bar.update(self._task, completed=blocks)

    def begin(self, text: str, total: int, left: int) -> None:
        """Say what there is to do, and begin with what is left of it."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._first, self._start = total - left, time.monotonic()
        self.say(text)
        self._task = self._bar.add_task(self._doing, total=total, completed=total - left, last="")

    def move(self, done: int, total: int, last: str) -> None:
        """Move on."""
        if self._live:
            self._bar.update(self._task, completed=done, total=total, last=last[:34])
        elif done == total or done % max(1, total // 20) == 0:
            spent = time.monotonic() - self._start
            left_s = spent / max(1, done - self._first) * (total - done)
            say(f"{self._did} {done} of {total}, about {left_s:.0f} s left", err=True)

    def say(self, text: str) -> None:
        """A line beside the bar."""
        if self._live:
            self._bar.console.print(text)
        else:
            say(text, err=True)
