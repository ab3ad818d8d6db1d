"""The life of a worker on a Ray cluster."""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import time
from collections.abc import Callable
from typing import Any

from vitnas import plugins
from vitnas.plugins import UserFiles
from vitnas.workers._calls import THREAD_VARIABLES, call
from vitnas.workers.node_report import source_of, version_of
from vitnas.workers.pool import Failure
from vitnas.workers.serial import attempt


class Actor:
    """Runs batches of tasks.

    Args:
        files: the user's plugins.
        threads: that a task may use.
    """

    def __init__(self, files: UserFiles, threads: int) -> None:
        with contextlib.suppress(OSError):  # on shared storage relative paths mean what they mean to the user
            os.chdir(files.folder)
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))  # read when torch is imported
        plugins.adopt(files)
        plugins.obey()
        self.threads = threads
        self.functions: dict[str, Callable[[Any], Any] | Failure] = {}

    def greet(self) -> dict[str, str]:
        """Versions of what scores depend on, and the machine's name."""
        return {"machine": platform.node(), **versions()}

    def load(self, digest: str, function: bytes) -> None:
        """Import a function, and what it needs."""
        self.functions[digest] = attempt(pickle.loads, function)

    def run(self, digest: str, items: list[bytes]) -> list[tuple[bytes, float]]:
        """Encoded results, and the seconds that each took."""
        return [self._run(self.functions[digest], item) for item in items]

    def _run(self, function: Callable[[Any], Any] | Failure, item: bytes) -> tuple[bytes, float]:
        started = time.perf_counter()
        return call(function, item, self.threads), time.perf_counter() - started


def versions() -> dict[str, str]:
    """Of what scores depend on, on this machine; a checkout is told apart by its files."""
    found = {package: version_of(package) or "none" for package in ("vitnas", "torch")}
    found["torch"] = found["torch"].partition("+")[0]  # of one version, builds for CPUs and GPUs
    return {**found, "vitnas' files": source_of("vitnas")}
