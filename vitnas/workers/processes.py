"""Long-lived processes on this machine, one task each at a time.

Spawned, not forked: a fork of a process in which torch has started its threads can hang. Every process has
its own pipe, so the death of one is seen at once and touches nobody else. They import vitnas and nothing of
the main program: a script needs no guard against being run again by each of them, and a notebook has none.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import pickle
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from vitnas.errors import ClusterError
from vitnas.workers._calls import Functions, encode
from vitnas.workers._child import READY, STARTED, Start
from vitnas.workers.pool import DEATHS, Failure, Workers, exit_words, hung, killed

JOIN_SECONDS = 2.0
START_SECONDS = 600.0  # imports over a slow network, beside many others, take less
STILLBORN = 2  # workers in a row that ended before they were ready: the next would end as well


@dataclass
class _Task:
    ticket: int
    digest: str
    item: bytes
    deaths: int = 0


@dataclass
class _Worker:
    start: Start
    functions: set[str] = field(default_factory=set)
    ready: bool = False  # it has begun to wait for tasks
    has_task: bool = False  # the task at hand was sent
    since: float = 0.0  # when the task at hand became its own
    started: float | None = None  # when the task at hand began; None until its function is loaded

    @property
    def pipe(self) -> Connection:
        return self.start.pipe

    @property
    def process(self) -> SpawnProcess:
        return self.start.process

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
        start_s: how long a process may take until it begins its task.
    """

    def __init__(
        self,
        size: int,
        *,
        threads: int | None = None,
        timeout_s: float | None = None,
        start_s: float = START_SECONDS,
    ) -> None:
        self.size = size
        self.threads = threads or max(1, usable_cores() // size)
        self.timeout_s = timeout_s
        self.start_s = start_s
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
        worker = self._idle.pop() if self._idle else _Worker(Start(self.threads))
        if not worker.process.is_alive():  # it died while idle: no task is to blame
            worker.end()
            worker = _Worker(Start(self.threads))
        worker.has_task, worker.since, worker.started = False, time.monotonic(), None
        self._running[worker.pipe] = (worker, task)
        if worker.ready:
            self._send(worker, task)

    def _send(self, worker: _Worker, task: _Task) -> None:
        known = task.digest in worker.functions
        worker.functions.add(task.digest)
        worker.started = time.monotonic() if known else None
        function = None if known else self._functions.encoded[task.digest]
        with contextlib.suppress(OSError):  # a worker that has just died: its pipe says so when it is read
            worker.pipe.send_bytes(pickle.dumps((task.digest, function, task.item)))
            worker.has_task = True

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
            worker.start.pass_on()
            self._send(worker, task)
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
        task.deaths += worker.has_task
        if task.deaths < DEATHS:
            self._queue.appendleft(task)
        else:
            self._finished.append((task.ticket, Failure(killed(exit_words(worker.process.exitcode)))))

    def _count_stillborn(self, worker: _Worker) -> None:
        self._stillborn += 1
        if self._stillborn >= STILLBORN:
            why = worker.start.last_line() or "they do not say why"
            raise ClusterError(
                f"worker processes end before they do anything ({exit_words(worker.process.exitcode)}): {why}"
            )

    def _deadline(self, worker: _Worker) -> float:
        """When the patience with a worker ends."""
        if worker.started is None:
            return worker.since + self.start_s
        return worker.started + self.timeout_s if self.timeout_s is not None else math.inf

    def _seconds_left(self) -> float | None:
        """Until the first worker is overdue; None if none ever will be."""
        first = min(self._deadline(worker) for worker, _ in self._running.values())
        return max(0.0, first - time.monotonic()) if first < math.inf else None

    def _end_overdue(self) -> None:
        """End the tasks that take too long.

        Raises:
            ClusterError: a worker that has not begun its task for so long never will.
        """
        for pipe, (worker, task) in list(self._running.items()):
            if time.monotonic() < self._deadline(worker) or pipe.poll():
                continue
            if worker.started is None:
                why = worker.start.last_line() or "it says nothing"
                raise ClusterError(f"a worker process cannot begin within {self.start_s:g} s: {why}")
            del self._running[pipe]
            worker.end()
            assert self.timeout_s is not None
            self._finished.append((task.ticket, Failure(hung(self.timeout_s))))

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


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
