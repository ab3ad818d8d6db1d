"""What is shown meanwhile, and where."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vitnas.api.watching import LoggedListener, watching
from vitnas.report.notebook.live_line import LiveLine, in_notebook


@pytest.fixture
def line():
    """A line of a notebook, what it showed, and its clock."""
    shown, now = [], [0.0]

    def show(text):
        shown.append(text)
        return shown.append

    return LiveLine(show=show, clock=lambda: now[0]), shown, now


def test_a_line_says_stage_share_and_what_is_left(line, request):
    snapshot = _snapshot()
    live, shown, now = line
    with live:
        live.stage("pricing blocks", "tiny & small")
        assert "pricing blocks · tiny &amp; small" in shown[-1]
        before = len(shown)
        live.count(3, 12)
        assert len(shown) == before  # a moment ago
        now[0] = 1.0
        live.count(6, 12)
        assert '<progress value="0.500"' in shown[-1] and "6 of 12" in shown[-1]
        live.stage("searching")
        now[0] = 2.0
        live.snapshot(snapshot)
        assert "50 of 100 · 25.0/s · 2.0 s left" in shown[-1] and "hypervolume 0.500" in shown[-1]
        live.warn("a > b")
        assert "warning: a &gt; b" in shown[-1]
    assert shown[-1] == ""  # the line has gone


def _snapshot():
    import numpy as np

    from vitnas.events import Snapshot

    return Snapshot(50, 100, 2.0, 25.0, ("quality", "params"), np.zeros((3, 2)), 0.5)


def test_a_callers_own_listener_is_told_everything():
    told = []

    class Own:
        def __getattr__(self, name):
            return lambda *args: told.append((name, *args))

    with watching(Own()) as watch:
        watch.stage("a", "b")
        watch.count(1, 2)
        watch.snapshot(_snapshot())
        watch.warn("c")
    assert [event[0] for event in told] == ["stage", "count", "snapshot", "warn"]


def test_nothing_is_shown_where_nobody_looks():
    assert not in_notebook()
    with watching(None) as watch:
        assert isinstance(watch, LoggedListener) and watch.other is None
    with watching(False) as watch:
        assert watch.other is None


def test_a_logger_without_a_handler_prints_nothing():
    program = "from vitnas.api.watching import LoggedListener; LoggedListener().warn('x')"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")
