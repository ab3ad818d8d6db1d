"""What a runtime is to the measurement: it takes a module and times it."""

from __future__ import annotations

import contextlib
import io
import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from vitnas.errors import VitnasError


class CannotConvert(VitnasError):
    """A runtime cannot take this module; the message says why."""


@dataclass(frozen=True)
class RuntimeConditions:
    """What stands in the profile; see `vitnas.hardware.profile.profile_fields.Conditions`."""

    device: str
    runtime: str
    os: str
    compute_units: str
    dtype: str
    threads: int


class Timed(Protocol):
    """A module, ready to run on the example that it was prepared with."""

    def times_ms(self, runs: int) -> list[float]:
        """Milliseconds of each of ``runs`` calls, one after the other, each finished before the next."""
        ...

    def outputs(self) -> Tensor:
        """What the runtime computes, in float32 on the CPU, so that it can be compared with the module."""
        ...


class Runtime(Protocol):
    """One way to run a module on this machine.

    A file of `vitnas.hardware.measure.runtimes` holds one class, called with the number of threads. It raises
    `MissingExtra` where its package is not installed.

    Attributes:
        eager: it runs module by module as Python says, which ranks networks wrongly; a warning is printed.
    """

    eager: bool

    def conditions(self) -> RuntimeConditions:
        """What a latency of this runtime is a latency of."""
        ...

    def prepare(self, module: nn.Module, example: Tensor) -> Timed:
        """Export or compile a module in eval mode for inputs like ``example`` (B, ...).

        Raises:
            CannotConvert: it holds something that this runtime cannot run.
        """
        ...


def first_line(problem: BaseException) -> str:
    """What an exception of a runtime says, in short."""
    lines = str(problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the progress, notes and warnings of converters, which they print and log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def wall_times_ms(call: Callable[[], object], runs: int) -> list[float]:
    """Wall time of each of ``runs`` calls that return when they are done."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def operating_system() -> str:
    """Such as ``Linux 6.1``."""
    return f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}".strip()


def processor() -> str:
    """The CPU's model name as the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
