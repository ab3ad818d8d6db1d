"""Reasons of tasks that gave no result, in one line each."""

from __future__ import annotations

import signal

DEATHS = 2  # a task that was alone with this many workers when they died is the cause
LOSSES = 10  # nodes that a task may lose, which is nobody's fault


def hung(timeout_s: float) -> str:
    """Of a task that took too long."""
    return f"did not finish within {timeout_s:g} s (--candidate-timeout)"


def killed(how: str) -> str:
    """Of a task that its workers did not outlive."""
    return f"killed two workers ({how})"


def lost() -> str:
    """Of a task whose nodes kept leaving."""
    return f"lost its node {LOSSES + 1} times"


def exit_words(code: int | None) -> str:
    """How a process ended, by its exit code."""
    if code is None or code >= 0:
        return f"exit code {code}"
    if code == -signal.SIGKILL:
        return "signal 9: most likely for want of memory"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
