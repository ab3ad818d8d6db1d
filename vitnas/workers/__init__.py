"""Where work runs: in this process or in several."""

from __future__ import annotations

from vitnas.errors import InvalidInput
from vitnas.workers.base import Failure, Workers
from vitnas.workers.processes import Processes
from vitnas.workers.serial import Serial

__all__ = ["Failure", "Processes", "Serial", "Workers", "make_workers"]


def make_workers(n: int) -> Workers:
    """``n`` workers; one works in this process.

    Raises:
        InvalidInput: fewer than one.
    """
    if n < 1:
        raise InvalidInput(f"--workers takes 1 or more, got {n}")
    return Serial() if n == 1 else Processes(n)
