"""Long-lived processes on this machine, one task each at a time.

Spawned, not forked: a fork of a process in which torch has started its threads can hang. Every process has
its own pipe, so the death of one is seen at once and touches nobody else. They import vitnas and nothing of
the main program: a script needs no guard against being run again by each of them, and a notebook has none.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from vitnas.errors import ClusterError
from vitnas.workers._calls import THREAD_VARIABLES, Functions, encode
from vitnas.workers._serve import READY, STARTED, serve
from vitnas.workers.pool import DEATHS, Failure, Workers, environment, exit_words, hung, killed

JOIN_SECONDS = 2.0
STILLBORN = 2  # workers in a row that ended before they were ready: the next would end as well


@dataclass
class _Task:
    ticket: int
    digest: str
    item: bytes
    deaths: int = 0


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    functions: set[str] = field(default_factory=set)
    ready: bool = False  # it has begun to wait for tasks
    started: float | None = None  # when the task at hand began; None until its function is loaded

    def end(self) -> None:
        """Stop at once: ask the system, then insist."""
        self.pipe.close()
        self.process.terminate()
        self.process.join(JOIN_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Processes(Workers):
    """``size`` processes, which start with the first tasks.

    Args:
        size: how many.
        threads: of each; the cores are shared evenly without it.
        timeout_s: how long a task may take; None for as long as it likes.
    """

    def __init__(self, size: int, *, threads: int | None = None, timeout_s: float | None = None) -> None:
        self.size = size
        self.threads = threads or max(1, usable_cores() // size)
        self.timeout_s = timeout_s
        self._functions = Functions()
        self._tickets = itertools.count()
        self._queue: deque[_Task] = deque()
        self._finished: list[tuple[int, Any]] = []
        self._idle: list[_Worker] = []
        self._running: dict[Connection, tuple[_Worker, _Task]] = {}
        self._stillborn = 0

    @property
    def depth(self) -> int:
        """See ``Workers.depth``."""
        return self.size

    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """See ``Workers.submit``."""
        task = _Task(next(self._tickets), self._functions.digest(function), encode(item))
        self._queue.append(task)
        self._fill()
        return task.ticket

    def wait(self) -> list[tuple[int, Any]]:
        """See ``Workers.wait``."""
        self._fill()
        while self._running and not self._finished:
            for pipe in wait(list(self._running), self._seconds_left()):
                assert isinstance(pipe, Connection)
                self._receive(pipe)
            self._end_overdue()
            self._fill()  # before anybody looks at results: workers go on meanwhile
        finished, self._finished = self._finished, []
        return finished

    def _fill(self) -> None:
        while self._queue and len(self._running) < self.size:
            self._start(self._queue.popleft())

    def _start(self, task: _Task) -> None:
        worker = self._idle.pop() if self._idle else self._spawn()
        if not worker.process.is_alive():  # it died while idle: no task is to blame
            worker.end()
            worker = self._spawn()
        known = task.digest in worker.functions
        worker.functions.add(task.digest)
        worker.started = time.monotonic() if known else None
        function = None if known else self._functions.encoded[task.digest]
        with contextlib.suppress(OSError):  # a worker that has just died: its pipe says so when it is read
            worker.pipe.send_bytes(pickle.dumps((task.digest, function, task.item)))
        self._running[worker.pipe] = (worker, task)

    def _receive(self, pipe: Connection) -> None:
        """Take what a pipe has to say.

        Raises:
            ClusterError: workers end before they are ready.
        """
        worker, task = self._running[pipe]
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            self._bury(worker, task)
            return
        if message == READY:
            worker.ready, self._stillborn = True, 0
            return
        if message == STARTED:
            worker.started = time.monotonic()
            return
        del self._running[pipe]
        self._idle.append(worker)
        self._finished.append((task.ticket, pickle.loads(message)))

    def _bury(self, worker: _Worker, task: _Task) -> None:
        """A worker died: another one tries its task, unless that is what killed two."""
        del self._running[worker.pipe]
        worker.end()
        if not worker.ready:  # the start is to blame, not the task
            self._count_stillborn(worker)
            self._queue.appendleft(task)
            return
        task.deaths += 1
        if task.deaths < DEATHS:
            self._queue.appendleft(task)
        else:
            self._finished.append((task.ticket, Failure(killed(exit_words(worker.process.exitcode)))))

    def _count_stillborn(self, worker: _Worker) -> None:
        self._stillborn += 1
        if self._stillborn >= STILLBORN:
            how = exit_words(worker.process.exitcode)
            raise ClusterError(f"worker processes end before they do anything ({how}); they say why above")

    def _seconds_left(self) -> float | None:
        """Until the first task is overdue; None if none ever will be."""
        if self.timeout_s is None:
            return None
        begun = [worker.started for worker, _ in self._running.values() if worker.started is not None]
        return max(0.0, min(begun) + self.timeout_s - time.monotonic()) if begun else None

    def _end_overdue(self) -> None:
        if self.timeout_s is None:
            return
        for pipe, (worker, task) in list(self._running.items()):
            if worker.started is None or time.monotonic() - worker.started < self.timeout_s or pipe.poll():
                continue
            del self._running[pipe]
            worker.end()
            self._finished.append((task.ticket, Failure(hung(self.timeout_s))))

    def _spawn(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self.threads), daemon=True)
        # what it inherits: BLAS and OpenMP read it when they are loaded
        with environment(dict.fromkeys(THREAD_VARIABLES, str(self.threads))), _without_main():
            process.start()
        theirs.close()  # so that the pipe ends with the worker
        return _Worker(process, ours)

    def cancel(self) -> None:
        """See ``Workers.cancel``."""
        self._queue.clear()
        for worker, _ in self._running.values():
            worker.end()
        self._running.clear()
        self._finished.clear()

    def close(self) -> None:
        """See ``Workers.close``."""
        self.cancel()
        for worker in self._idle:
            worker.end()
        self._idle.clear()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """A process that is spawned here has no main program to run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
