"""Long-lived processes on this machine, one task each at a time.

Spawned, not forked: a fork of a process in which torch has started its threads can hang. Every process has
its own pipe, so the death of one is seen at once and touches nobody else.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Self, TypeVar

from vitnas.errors import InvalidInput
from vitnas.workers.base import Failure
from vitnas.workers.serial import attempt, describe

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 2  # a task whose worker died is given to another one once
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
JOIN_SECONDS = 2.0


@dataclass
class _Task:
    index: int
    message: bytes
    attempts: int = 0


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection

    def end(self) -> None:
        """Stop at once: ask the system, then insist."""
        self.pipe.close()
        self.process.terminate()
        self.process.join(JOIN_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Processes:
    """``size`` processes that share the cores evenly.

    Functions must be importable (top level of a module, or a ``functools.partial`` of one), and functions,
    items and results must be picklable.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.threads = max(1, usable_cores() // size)
        self._idle: list[_Worker] = []
        self._running: dict[Connection, tuple[_Worker, _Task]] = {}

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[int, R | Failure]]:
        """See ``Workers.map``. Items are taken as workers become free."""
        assert not self._running, "one map at a time"
        tasks = self._tasks(function, items)
        again: deque[_Task] = deque()
        try:
            while True:
                while len(self._running) < self.size:
                    task = again.popleft() if again else next(tasks, None)
                    if task is None:
                        break
                    self._start(task)
                if not self._running:
                    return
                for pipe in wait(list(self._running)):
                    assert isinstance(pipe, Connection)
                    finished = self._receive(pipe, again)
                    if finished is not None:
                        yield finished
        finally:
            # only after an interruption: what still runs would answer the next map
            for worker, _ in self._running.values():
                worker.end()
            self._running.clear()

    def _tasks(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[_Task]:
        try:
            pickle.dumps(function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InvalidInput(f"workers can only run importable functions: {describe(error)}") from None
        for index, item in enumerate(items):
            yield _Task(index, pickle.dumps((function, item)))

    def _start(self, task: _Task) -> None:
        worker = self._idle.pop() if self._idle else self._spawn()
        task.attempts += 1
        with contextlib.suppress(OSError):  # a worker that died while idle: its pipe says so when it is read
            worker.pipe.send_bytes(task.message)
        self._running[worker.pipe] = (worker, task)

    def _receive(self, pipe: Connection, again: deque[_Task]) -> tuple[int, Any] | None:
        """The finished task of a pipe that has something to say; None if it will be tried again."""
        worker, task = self._running.pop(pipe)
        try:
            result = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            worker.end()
            if task.attempts < ATTEMPTS:
                again.append(task)
                return None
            code = worker.process.exitcode
            return task.index, Failure(f"the worker died {ATTEMPTS} times on this task (exit code {code})")
        self._idle.append(worker)
        return task.index, result

    def _spawn(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.threads), daemon=True)
        with _thread_variables(self.threads):
            process.start()
        theirs.close()  # so that the pipe ends with the worker
        return _Worker(process, ours)

    def close(self) -> None:
        """End all processes at once."""
        for worker in [*self._idle, *(worker for worker, _ in self._running.values())]:
            worker.end()
        self._idle.clear()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _thread_variables(threads: int) -> Iterator[None]:
    """What a process started here inherits: BLAS and OpenMP read it when they are loaded."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, threads: int) -> None:
    """A worker's life: tasks until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        answer = attempt(_run, (message, threads))
        try:
            encoded = pickle.dumps(answer)
        except Exception as error:
            encoded = pickle.dumps(Failure(f"the result cannot be sent: {describe(error)}"))
        try:
            pipe.send_bytes(encoded)
        except OSError:
            return


def _end_with_parent() -> None:
    """End this process in the middle of its task when the parent has died, however it died."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _run(task: tuple[bytes, int]) -> Any:
    message, threads = task
    function, item = pickle.loads(message)
    torch = sys.modules.get("torch")  # imported by now if the function's module needs it
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return function(item)
