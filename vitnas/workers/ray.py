"""Long-lived actors on a Ray cluster, which take tasks in batches.

A batch is a few seconds of work, and an actor has two: it begins the second while the first travels back.
When an actor dies, one of the tasks at hand is to blame, and they are tried again one by one; a node that
leaves, or a broken line, is nobody's fault.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from vitnas import plugins
from vitnas.errors import ClusterError
from vitnas.workers import _ray_cluster as cluster
from vitnas.workers._batches import IN_FLIGHT, Costs, fair
from vitnas.workers._calls import Functions, encode
from vitnas.workers.pool import DEATHS, LOSSES, Failure, Workers, hung, killed, lost
from vitnas.workers.settings import WorkerSettings

STILLBORN = 3  # deaths in a row, for each worker, before any task came back
LONGEST = 300  # letters of a reason of Ray's
PATIENCE_S = 30.0  # before saying that no worker has started
MISSING = ("MissingExtra: ", "ModuleNotFoundError: ")  # a node's fault, not a candidate's


@dataclass(eq=False)
class _Task:
    ticket: int
    digest: str
    item: bytes
    deaths: int = 0
    losses: int = 0
    alone: bool = False  # it was in a batch that did not come back
    failure: str = ""


@dataclass
class _Call:
    ref: Any
    tasks: list[_Task]
    started: float = 0.0  # when the actor came to it
    loads: str = ""  # digest of the function that it sends


@dataclass(eq=False)
class _Worker:
    actor: Any
    calls: deque[_Call] = field(default_factory=deque)  # they are answered in this order
    functions: set[str] = field(default_factory=set)  # sent to it
    loaded: set[str] = field(default_factory=set)  # known to have arrived
    machine: str = ""  # known when it has started

    @property
    def batches(self) -> int:
        return sum(1 for call in self.calls if call.tasks)

    @property
    def tasks(self) -> list[_Task]:
        return [task for call in self.calls for task in call.tasks]

    def takes(self, task: _Task) -> bool:
        """A suspect has an actor to itself: who kills an actor may swallow the answer before."""
        return not self.batches or not (task.alone or self.tasks[-1].alone)

    def add(self, ref: Any, tasks: list[_Task], *, loads: str = "") -> None:
        self.calls.append(_Call(ref, tasks, time.monotonic(), loads))

    def done(self) -> _Call:
        """The first call, which has been answered; the next one begins."""
        call = self.calls.popleft()
        if self.calls:
            self.calls[0].started = time.monotonic()
        return call


class RayWorkers(Workers):
    """Actors on the cluster of ``settings.ray``, each with its share of CPUs and GPUs.

    Raises:
        InvalidInput: no address.
        ClusterError: the cluster cannot be joined or has no room; from ``wait`` also that a node lacks vitnas
            or an extra, or has other versions.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self._files: Any = None
        self._functions = Functions()
        self._stored: dict[str, Any] = {}
        self._costs = Costs()
        self._tickets = itertools.count()
        self._queue: deque[_Task] = deque()
        self._finished: list[tuple[int, Any]] = []
        self._workers: list[_Worker] = []
        self._stillborn, self._patience, self._warned = 0, float("inf"), False
        self._joined = cluster.join(settings)
        try:
            self.size = cluster.number_of_workers(settings)
        except ClusterError:
            self.close()
            raise

    @property
    def depth(self) -> int:
        """See ``Workers.depth``."""
        wanted = max(map(self._costs.wanted, self._stored), default=1)
        return IN_FLIGHT * self.size * (self.settings.batch or wanted)

    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """See ``Workers.submit``."""
        task = _Task(next(self._tickets), self._functions.digest(function), encode(item))
        self._queue.append(task)
        if not self._workers:
            self._hire()
        return task.ticket

    def wait(self) -> list[tuple[int, Any]]:
        """See ``Workers.wait``."""
        self._dispatch()
        while not self._finished and (self._queue or any(worker.batches for worker in self._workers)):
            self._collect()
            self._end_overdue()
            self._dispatch()  # before anybody looks at results: workers go on meanwhile
        found, self._finished = self._finished, []
        return found

    def cancel(self) -> None:
        """See ``Workers.cancel``."""
        for worker in [worker for worker in self._workers if worker.batches]:
            self._end(worker)
        self._queue.clear()
        self._finished.clear()

    def rest(self) -> None:
        """See ``Workers.rest``."""
        for worker in [worker for worker in self._workers if not worker.batches]:
            self._end(worker)

    def close(self) -> None:
        """See ``Workers.close``."""
        for worker in list(self._workers):
            self._end(worker)
        if self._joined:
            cluster.leave()
            self._joined = False

    def _hire(self) -> None:
        """Ask for the actors that are missing; those that the cluster has no room for come later."""
        if self._files is None:
            self._files = ray.put(plugins.user_files())
        if len(self._workers) < self.size and not self._warned:
            self._patience = time.monotonic() + PATIENCE_S
        while len(self._workers) < self.size:
            worker = _Worker(cluster.hire(self.settings, self._files))
            worker.add(worker.actor.greet.remote(), [])
            self._workers.append(worker)

    def _dispatch(self) -> None:
        """Give every actor that has started up to ``IN_FLIGHT`` batches, the idle ones first."""
        if not self._queue:
            return
        self._hire()
        ready = [worker for worker in self._workers if worker.machine]
        waiting = len(self._queue) + sum(len(worker.tasks) for worker in ready)
        for level in range(IN_FLIGHT):
            for worker in ready:
                if self._queue and worker.batches == level and worker.takes(self._queue[0]):
                    self._send(worker, self._take(waiting, len(ready)))

    def _take(self, waiting: int, size: int) -> list[_Task]:
        """The next batch: tasks of one function; one that did not come back with others goes alone."""
        first = self._queue.popleft()
        number = self.settings.batch or fair(self._costs.wanted(first.digest), waiting, size)
        tasks = [first]
        while self._queue and len(tasks) < number:
            following = self._queue[0]
            if first.alone or following.alone or following.digest != first.digest:
                break
            tasks.append(self._queue.popleft())
        return tasks

    def _send(self, worker: _Worker, tasks: list[_Task]) -> None:
        digest = tasks[0].digest
        if digest not in worker.functions:
            worker.functions.add(digest)
            if digest not in self._stored:
                self._stored[digest] = ray.put(self._functions.encoded[digest])
            worker.add(worker.actor.load.remote(digest, self._stored[digest]), [], loads=digest)
        if tasks[0].alone and digest not in worker.loaded:  # once it is, nothing else can be to blame
            self._queue.extendleft(reversed(tasks))
            return
        worker.add(worker.actor.run.remote(digest, [task.item for task in tasks]), tasks)

    def _collect(self) -> None:
        """Wait until an actor has something to say, or a batch is overdue; take what there is."""
        heads = {worker.calls[0].ref: worker for worker in self._workers if worker.calls}
        found, _ = ray.wait(list(heads), timeout=self._seconds_left())
        if found:
            found, _ = ray.wait(list(heads), num_returns=len(heads), timeout=0)
        for ref in found:
            self._receive(heads[ref])
        if time.monotonic() > self._patience and not any(worker.machine for worker in self._workers):
            self._patience, self._warned = float("inf"), True
            warnings.warn(cluster.no_room(self.settings), stacklevel=2)

    def _receive(self, worker: _Worker) -> None:
        """Take the answer to an actor's first call."""
        try:
            answer = ray.get(worker.calls[0].ref)
        except RayError as error:
            cluster.check_start(error)
            (self._crashed if cluster.is_crash(error) else self._lost)(worker, error)
            return
        call = worker.done()
        if not worker.machine:
            cluster.check_versions(answer)
            worker.machine = answer["machine"]
        elif call.tasks:
            self._keep(worker, call.tasks, answer)
        elif call.loads:
            worker.loaded.add(call.loads)
            self._stillborn = 0

    def _keep(self, worker: _Worker, tasks: list[_Task], answer: list[tuple[bytes, float]]) -> None:
        self._stillborn = 0
        self._costs.learn(tasks[0].digest, [seconds for _, seconds in answer])
        for task, (encoded, _) in zip(tasks, answer, strict=True):
            result = pickle.loads(encoded)
            if isinstance(result, Failure) and result.reason.startswith(MISSING):
                raise ClusterError(f"node {worker.machine}: {result.reason}")
            self._finished.append((task.ticket, result))

    def _crashed(self, worker: _Worker, error: RayError) -> None:
        tasks = worker.calls[0].tasks
        if not tasks:  # its start, or a batch behind it whose end was seen first
            self._count_stillborn(cluster.how(error))
        for task in tasks or worker.tasks:
            task.alone = True
            task.deaths += len(tasks) == 1  # a batch may have died of any of its tasks
            task.failure = killed(cluster.how(error)) if task.deaths >= DEATHS else ""
        self._end(worker)

    def _lost(self, worker: _Worker, error: RayError) -> None:
        if not worker.machine:
            self._count_stillborn(" ".join(str(error).split())[:LONGEST])
        for task in worker.tasks:
            task.losses += 1
            task.failure = lost() if task.losses > LOSSES else ""
        self._end(worker)

    def _count_stillborn(self, why: str) -> None:
        self._stillborn += 1
        if self._stillborn > STILLBORN * self.size:
            raise ClusterError(f"Ray workers die before they do anything: {why}")

    def _seconds_left(self) -> float | None:
        """Until the first batch is overdue, or patience ends."""
        moments = [self._patience] if not any(worker.machine for worker in self._workers) else []
        moments += [due for worker in self._workers if (due := self._due(worker)) is not None]
        soonest = min(moments, default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest - time.monotonic())

    def _due(self, worker: _Worker) -> float | None:
        """When the batch at hand should be back."""
        if self.settings.timeout_s is None or not worker.calls or not worker.calls[0].tasks:
            return None
        call = worker.calls[0]
        digest, limit_s = call.tasks[0].digest, self.settings.timeout_s
        return call.started + self._costs.allowed_s(digest, len(call.tasks), limit_s)

    def _end_overdue(self) -> None:
        """End actors that hang. Of a batch, the task that hangs again when it is alone is to blame."""
        for worker in list(self._workers):
            due = self._due(worker)
            if due is None or time.monotonic() < due:
                continue
            tasks = worker.calls[0].tasks
            for task in tasks:
                task.failure = hung(self.settings.timeout_s or 0) if len(tasks) == 1 else ""
                task.alone = True
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        """Stop an actor, whatever it does. Its tasks go to the front of the queue, unless they failed."""
        self._workers.remove(worker)
        with contextlib.suppress(RayError, ValueError):
            ray.kill(worker.actor)  # behind a broken line it may still be alive
        self._finished += [(task.ticket, Failure(task.failure)) for task in worker.tasks if task.failure]
        self._queue.extendleft(reversed([task for task in worker.tasks if not task.failure]))
