from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rich.console import Console

from vitnas.report.terminal.live import LiveView
from vitnas.report.terminal.plain_view import PlainView
from vitnas.report.terminal.progress import progress_and_left


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def screen(view: LiveView, width: int, height: int = 24) -> list[str]:
    """What the view looks like now."""
    stream = io.StringIO()
    Console(file=stream, width=width, height=height).print(view)
    return stream.getvalue().rstrip("\n").split("\n")


def watch(view: LiveView | PlainView, clock: Clock, fakes: SimpleNamespace) -> None:
    """A search as far as its loop."""
    view.stage("pricing blocks", f"efficientformer, {fakes.label}")
    for k in range(5):
        view.count(k, 5)
    clock.now += 1.5
    view.stage("drawing a feasible pool", "4.5e+21 architectures")
    clock.now += 0.2
    view.stage("searching", "evolution, quality capacity, 2,000,000 trials")
    clock.now += 1.0
    view.snapshot(fakes.snapshot(200_000))
    view.snapshot(fakes.snapshot(400_000))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 24), (20, 10), (120, 50), (80, 8), (6, 4)])
def test_no_screen_is_wider_or_higher_than_its_terminal(
    fakes: SimpleNamespace, width: int, height: int
) -> None:
    clock = Clock()
    view = LiveView(Console(file=io.StringIO(), width=width), clock=clock)
    moments: list[Callable[[], None]] = [
        lambda: None,
        lambda: view.stage("pricing blocks", fakes.label),
        lambda: view.count(1, 3),
        lambda: watch(view, clock, fakes),
        lambda: view.stage("checking networks", "20 of the front, 4 published"),
        lambda: view.count(7, 24),
    ]
    for moment in moments:
        moment()
        lines = screen(view, width, height)
        assert max(map(len, lines)) <= max(width - 2, 10)
        if height >= 8:
            assert len(lines) <= height


def test_the_screen_of_a_search(fakes: SimpleNamespace) -> None:
    clock = Clock()
    view = LiveView(Console(file=io.StringIO(), width=80), clock=clock)
    watch(view, clock, fakes)
    lines = screen(view, 80)
    assert lines[0].startswith("✓ pricing blocks")
    assert lines[0].endswith("1.5 s")
    assert lines[2][2:].startswith("searching")
    assert "400,000 of 2,000,000 · 200k/s · 8.0 s left" in lines[4]
    assert "front 60 · hypervolume 0.912 · random 0.842 (x1.083)" in lines[5]
    assert lines[6] == "quality"
    assert "latency ms" in lines[-1]


def test_the_front_stays_while_its_networks_are_checked(fakes: SimpleNamespace) -> None:
    clock = Clock()
    view = LiveView(Console(file=io.StringIO(), width=80), clock=clock)
    watch(view, clock, fakes)
    view.stage("checking networks", "")
    view.count(3, 24)
    text = "\n".join(screen(view, 80))
    assert "3 of 24" in text
    assert "latency ms" in text


def test_a_view_ends_with_its_stages_and_the_cursor_back(fakes: SimpleNamespace) -> None:
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, width=80, height=24, force_terminal=True)
    with LiveView(console, clock=clock) as view:
        watch(view, clock, fakes)
        view.warn("something to know")
    assert [line.split("  ")[0] for line in screen(view, 80)] == [
        "✓ pricing blocks", "✓ drawing a feasible pool", "✓ searching",
    ]  # fmt: skip
    written = stream.getvalue()
    assert "warning: something to know" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is shown again


def test_ctrl_c_marks_the_stage_and_leaves_nothing_half_drawn(fakes: SimpleNamespace) -> None:
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, width=80, height=24, force_terminal=True)
    view = LiveView(console, clock=clock)

    def interrupted() -> None:
        with view:
            watch(view, clock, fakes)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert screen(view, 80)[-1].startswith("× searching")
    assert "\x1b[?25h" in stream.getvalue()


def test_snapshots_are_not_drawn_by_the_loop(fakes: SimpleNamespace) -> None:
    stream = io.StringIO()
    view = LiveView(Console(file=stream, width=80, force_terminal=True), clock=Clock())
    view.stage("searching")
    for k in range(1, 500):
        view.snapshot(fakes.snapshot(k))
    assert stream.getvalue() == ""
    assert "499 of" in "\n".join(screen(view, 80))


def test_an_objective_alone_has_no_plot(fakes: SimpleNamespace) -> None:
    snapshot = fakes.snapshot()
    view = LiveView(Console(file=io.StringIO(), width=80), clock=Clock())
    view.stage("searching")
    view.snapshot(
        fakes.snapshot(objectives=("quality",), front=snapshot.front[:1, :1], random_hypervolume=None)
    )
    lines = screen(view, 80)
    assert len(lines) == 4
    assert "random" not in lines[-1]


def test_plain_lines_are_few(fakes: SimpleNamespace) -> None:
    clock, stream = Clock(), io.StringIO()
    with PlainView(stream, clock=clock, every_s=2.0) as view:
        watch(view, clock, fakes)
        for k in range(100):
            clock.now += 0.05
            view.snapshot(fakes.snapshot(500_000 + k))
        view.warn("something to know")
        view.stage("checking networks")
        for k in range(10):
            clock.now += 1.0
            view.count(k, 10)
    lines = stream.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "pricing blocks", "drawing a feasible pool", "searching",
        "searching", "searching", "warning", "searching",
        *["checking networks"] * 6,
    ]  # fmt: skip
    assert lines[6].startswith(
        "searching: 500,099 of 2,000,000 (25 %), 200k/s"
    )  # the last one is always said
    assert "hypervolume 0.912, random 0.842 (x1.083)" in lines[6]
    assert "\x1b" not in stream.getvalue()


def test_time_left_is_of_trials_or_time_whichever_ends_first(fakes: SimpleNamespace) -> None:
    now = fakes.snapshot(1_000_000, rate=100_000.0)
    assert progress_and_left(now, None, 10.0) == (0.5, 10.0)
    assert progress_and_left(now, 12.5, 10.0) == (0.8, 2.5)
    assert progress_and_left(now, 1000.0, 10.0) == (0.5, 10.0)
    assert progress_and_left(fakes.snapshot(0, rate=0.0), 5.0, 1.0) == (0.2, 4.0)
