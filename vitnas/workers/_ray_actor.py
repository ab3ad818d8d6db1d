"""The life of a worker on a Ray cluster."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas.plugins import UserFiles
from vitnas.workers._calls import THREAD_VARIABLES, call
from vitnas.workers.base import Failure
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
    torch = _version("torch").partition("+")[0]  # of one version, builds for CPUs and GPUs
    return {"vitnas": _version("vitnas"), "torch": torch, "vitnas' files": _fingerprint()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _fingerprint() -> str:
    """Of the source files of this package."""
    digest = hashlib.sha256()
    for path in sorted(plugins.PACKAGE_FOLDER.rglob("*.py")):
        digest.update(str(path.relative_to(plugins.PACKAGE_FOLDER)).encode())
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:8]
