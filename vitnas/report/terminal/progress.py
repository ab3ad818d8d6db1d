"""What both views of a search say about its progress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.events import Snapshot
from vitnas.report.terminal.axes import axis_of, plot_axes
from vitnas.report.terminal.plots import Mark, Scatter
from vitnas.report.terminal.wording import count, duration, ratio, speed


@dataclass
class Stage:
    """A stage and how far it is.

    Attributes:
        total: of ``done``; None if nobody knows.
        seconds: it took, once it is over.
        first: what was counted first, and when: what was done before this process says nothing of its pace.
    """

    name: str
    detail: str
    started: float
    done: int = 0
    total: int | None = None
    snapshot: Snapshot | None = None
    seconds: float | None = None
    first: tuple[int, float] | None = None

    def count(self, done: int, total: int | None, now: float) -> None:
        """So much is done."""
        self.done, self.total = done, total
        self.first = self.first or (done, now)

    def counted(self, now: float) -> list[str]:
        """How much is done, and the time that the rest will take at the pace so far."""
        if not self.total:
            return [f"{count(self.done)} so far"]
        done, since = self.first or (0, now)
        pieces = [f"{count(self.done)} of {count(self.total)}"]
        if done < self.done < self.total and now > since:
            left = (now - since) / (self.done - done) * (self.total - self.done)
            pieces.append(f"{duration(left)} left")
        return pieces

    @property
    def outcome(self) -> str:
        """What is worth remembering when it is over."""
        if self.snapshot is not None:
            pace = f", {speed(self.snapshot.rate)}" if self.snapshot.rate else ""  # none: resumed at the end
            return f"{count(self.snapshot.trials)} trials{pace}"
        return self.detail


def progress_and_left(now: Snapshot, time_s: float | None, elapsed_s: float) -> tuple[float, float]:
    """Share of the search that is over and seconds left, by trials or time, whichever ends first."""
    share = min(now.trials / max(now.target_trials, 1), 1.0)
    left = (now.target_trials - now.trials) / now.rate if now.rate > 0 else math.inf
    if time_s is not None:
        share = max(share, min(elapsed_s / max(time_s, 1e-9), 1.0))
        left = min(left, max(time_s - elapsed_s, 0.0))
    return share, left


def hypervolume_pieces(now: Snapshot) -> list[str]:
    """Size of the front and its hypervolume, against the random arm's if there is one."""
    pieces = [f"front {count(len(now.front))}", f"hypervolume {now.hypervolume:.3f}"]
    if now.random_hypervolume is not None:
        gained = ratio(now.hypervolume, now.random_hypervolume)
        pieces.append(f"random {now.random_hypervolume:.3f} ({gained})")
    return pieces


def front_scatter(now: Snapshot, height: int) -> Scatter | None:
    """The front of a snapshot in the plane of its first cost and its quality; None without two objectives."""
    axes = plot_axes(now.objectives)
    if axes is None:
        return None
    across, up = (axis_of(name) for name in axes)
    columns = [now.objectives.index(name) for name in axes]
    points = now.front[:, columns] / [across.scale, up.scale]
    marks = [
        Mark(name, values[columns[0]] / across.scale, values[columns[1]] / up.scale)
        for name, values in now.published
    ]
    return scatter(points, axes, marks, height)


def scatter(
    points: NDArray[np.float64], axes: tuple[str, str], marks: Sequence[Mark], height: int
) -> Scatter:
    """Points (k, 2) in the printed units of two objectives."""
    across, up = (axis_of(name) for name in axes)
    return Scatter(
        points,
        across.label,
        up.label,
        marks,
        up_is_good=up.more_is_better,
        height=height,
        right_is_good=across.more_is_better,
    )
