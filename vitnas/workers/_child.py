"""A worker process: its start, what it says until it is ready, and its life."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import signal
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import IO, Any

from vitnas import plugins
from vitnas.errors import ClusterError, describe
from vitnas.workers._calls import THREAD_VARIABLES, call
from vitnas.workers.pool import Failure, environment
from vitnas.workers.serial import attempt

READY = b"ready"  # no pickle: this process waits for tasks
STARTED = b""  # a function that was new is loaded; its task begins now
_TELLING = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b.*|Fatal .*|\S*python\S*: .*")
LONGEST_LINE = 200
_stderr_lock = threading.Lock()


class Start:
    """A worker process that begins, and what it says on its stderr before it is ready.

    Args:
        threads: of its torch.

    Attributes:
        process: the child.
        pipe: our end.

    Raises:
        ClusterError: this process can start no other.
    """

    def __init__(self, threads: int) -> None:
        context = get_context("spawn")
        self._said = _scratch()
        self.pipe, theirs = context.Pipe()
        try:
            # what it inherits: BLAS and OpenMP read it when they are loaded
            with environment(dict.fromkeys(THREAD_VARIABLES, str(threads))), _without_main():
                resource_tracker.ensure_running()  # which would inherit the file
                with _stderr_into(self._said) as ours:
                    self.process: SpawnProcess = context.Process(
                        target=serve, args=(theirs, threads, ours), daemon=True
                    )
                    self.process.start()
        except (
            OSError,
            RuntimeError,
            AssertionError,
        ) as problem:  # no memory; a daemon; a child not yet begun
            self.pipe.close()
            raise ClusterError(f"worker processes cannot be started: {describe(problem)}") from None
        finally:
            theirs.close()  # so that the pipe ends with the worker

    def pass_on(self) -> None:
        """The worker is ready: what it said so far goes where it would have gone."""
        if (text := self._text()) and sys.stderr is not None:
            sys.stderr.write(text)
        if self._said is not None:
            self._said.close()
            self._said = None

    def last_line(self) -> str:
        """What a worker that is not ready said last, or of what it said the line that names an error."""
        lines = [line.strip() for line in self._text().splitlines() if line.strip()]
        telling = [line for line in lines if _TELLING.fullmatch(line)]
        return (telling or lines or [""])[-1][:LONGEST_LINE]

    def _text(self) -> str:
        if self._said is None:
            return ""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")


def _scratch() -> IO[bytes] | None:
    """A file without a name; None where there is no folder for temporary files."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return None


@contextlib.contextmanager
def _stderr_into(file: IO[bytes] | None) -> Iterator[Connection | None]:
    """What is started meanwhile has a file as its stderr; yields our own, for the child to return to."""
    with _stderr_lock:
        own = _own_stderr() if file is not None else None
        if file is None or own is None:
            yield None
            return
        os.dup2(file.fileno(), 2)
        try:
            yield own
        finally:
            os.dup2(own.fileno(), 2)
            own.close()


def _own_stderr() -> Connection | None:
    try:
        return Connection(os.dup(2), readable=False)
    except OSError:  # it is closed
        return None


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """A process that is spawned here has no main program to run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def serve(pipe: Connection, threads: int, stderr: Connection | None) -> None:
    """Run tasks until the pipe closes. A task is (digest, bytes of a function that is new or None, item).

    Args:
        pipe: to the driver.
        threads: of torch.
        stderr: where it goes from now on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plugins.obey()
    if stderr is not None:
        sys.stderr.flush()
        os.dup2(stderr.fileno(), 2)
        stderr.close()
    functions: dict[str, Callable[[Any], Any] | Failure] = {}
    try:
        pipe.send_bytes(READY)
        while True:
            digest, function, item = pickle.loads(pipe.recv_bytes())
            if function is not None:
                functions[digest] = attempt(pickle.loads, function)
                pipe.send_bytes(STARTED)
            pipe.send_bytes(call(functions[digest], item, threads))
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """End this process in the middle of its task when the parent has died, however it died."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
