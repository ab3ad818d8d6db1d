"""How many workers the driver keeps busy: time is simulated, the driver is real.

Candidates take 1 s on average, with some spread (lognormal). The clock of the simulation advances by the
processor seconds that the driver really spends (ask, price, decide, log, tell), by a wait for the disk for
each group of log lines, and, where said, by what a call of a Ray actor costs the driver.
Workers take what is queued without asking the driver, as Ray's actors do, which have a second batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import os
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import _common as common
import numpy as np
from _fake import fake_loop, open_log
from _problem import Bench, default_bench

from vitnas.workers.pool import Workers

SIGMA = 0.3  # of the logarithm of a candidate's seconds
WARM_S, SECONDS = 6.0, 20.0  # simulated: what is left out at the start, and how long is measured
CALL_S = 0.14e-3  # of an actor call, measured with Ray 2.60
COUNTS = (100, 1_000, 2_000, 3_000, 5_000, 10_000)
BUSY = 0.99
FACTOR = 4  # candidates in flight for each worker


class Over(Exception):
    """The simulation has lasted long enough."""


@dataclass
class SimulatedWorkers(Workers):
    """Workers in simulated time.

    Attributes:
        size: how many.
        until_s: when the simulation is over.
        group_s: added for each group of results.
        call_s: added for each task.
        now_s: the simulated clock.
        spans: begin and end of every task.
    """

    size: int
    until_s: float
    group_s: float
    call_s: float
    now_s: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    _queue: deque[tuple[float, int, Any, Any]] = field(default_factory=deque)
    _running: list[tuple[float, int, Any, Any]] = field(default_factory=list)
    _free: list[float] = field(default_factory=list)
    _tickets: int = 0
    _cpu_s: float = field(default_factory=time.process_time)

    def __post_init__(self) -> None:
        self._free = [0.0] * self.size  # since when each idle worker is idle

    @property
    def depth(self) -> int:
        """As many as there are."""
        return self.size

    def begin(self) -> None:
        """The driver starts now."""
        self._cpu_s = time.process_time()

    def _tick(self) -> None:
        """The driver's own time."""
        cpu_s = time.process_time()
        self.now_s += cpu_s - self._cpu_s
        self._cpu_s = cpu_s

    def submit(self, function: Callable[[Any], Any], item: Any) -> int:
        """Queue a task."""
        self._tick()
        self.now_s += self.call_s
        ticket, self._tickets = self._tickets, self._tickets + 1
        self._queue.append((self.now_s, ticket, function, item))
        self._feed()
        self._cpu_s = time.process_time()
        return ticket

    def _feed(self) -> None:
        """Idle workers take what is queued."""
        while self._queue and self._free:
            queued_s, ticket, function, item = self._queue.popleft()
            begin = max(heapq.heappop(self._free), queued_s)
            end = begin + seconds_of(item[0])
            self.spans.append((begin, end))
            heapq.heappush(self._running, (end, ticket, function, item))

    def wait(self) -> list[tuple[int, Any]]:
        """All that has ended by now; else what ends next."""
        self._tick()
        if self.now_s >= self.until_s:
            raise Over
        finished: list[tuple[int, Any]] = []
        while self._running and (not finished or self._running[0][0] <= self.now_s):
            end, ticket, function, item = heapq.heappop(self._running)
            self.now_s = max(self.now_s, end)
            heapq.heappush(self._free, end)
            self._feed()
            finished.append((ticket, function(item)))
        self.now_s += self.group_s
        self._cpu_s = time.process_time()
        return finished

    def cancel(self) -> None:
        """Nothing here is ever cancelled."""

    def close(self) -> None:
        """Nothing to end."""

    def busy(self, begin: float, end: float) -> float:
        """Share of the workers' time between two moments."""
        spans = np.array(self.spans)
        inside = np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], begin)
        return float(inside.clip(0).sum() / (self.size * (end - begin)))


def seconds_of(genome: bytes) -> float:
    """What a candidate takes: lognormal with mean 1, drawn from its genome."""
    rng = np.random.default_rng(zlib.crc32(genome))
    return float(np.exp(SIGMA * rng.standard_normal() - SIGMA**2 / 2))


def fsync_s(repeats: int = 50) -> float:
    """Median seconds of one wait for the disk."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("ab", buffering=0) as file:
        found = []
        for _ in range(repeats):
            file.write(b"x" * 20_000)
            found.append(common.seconds(lambda: os.fsync(file.fileno())))
    return median(found)


@dataclass(frozen=True)
class Case:
    """What is simulated, and what came of it.

    Attributes:
        busy: share of the workers' time.
        rate: candidates told a simulated second.
    """

    workers: int
    in_flight: int
    ordered: bool
    call_s: float
    busy: float = 0.0
    rate: float = 0.0

    def __str__(self) -> str:
        told = "" if self.ordered else ", unordered"
        calls = f", {1e3 * self.call_s:g} ms a call" if self.call_s else ""
        return f"{self.workers:,} workers, {self.in_flight:,} in flight{told}{calls}"


def simulate(bench: Bench, case: Case, group_s: float, *, quick: bool) -> Case:
    """One run."""
    begin, end = (1.0, 3.0) if quick else (WARM_S, WARM_S + SECONDS)
    pool = SimulatedWorkers(case.workers, end, group_s, case.call_s)
    with tempfile.TemporaryDirectory() as folder, open_log(folder) as log, contextlib.suppress(Over):
        loop = fake_loop(bench, pool, log, "evolution", case.in_flight, ordered=case.ordered)
        pool.begin()
        loop.run(10**9)
    return dataclasses.replace(case, busy=pool.busy(begin, end), rate=loop.progress.trials / pool.now_s)


def cases(quick: bool) -> list[Case]:
    """More workers; for a thousand of them more or fewer in flight, and unordered."""
    counts = (100, 1_000) if quick else COUNTS
    found = [Case(n, FACTOR * n, True, call_s) for call_s in (0.0, CALL_S) for n in counts]
    if not quick:
        found += [Case(1_000, factor * 1_000, True, CALL_S) for factor in (1, 2, 3)]
        found += [Case(1_000, factor * 1_000, False, CALL_S) for factor in (1, 2)]
    return found


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    bench = default_bench()
    group_s = fsync_s()
    report = common.Report("thousand_workers", "Workers kept busy by one driver, simulated candidates of 1 s")
    found = []
    for case in cases(args.quick):
        done = simulate(bench, case, group_s, quick=args.quick)
        print(f"{done}: {done.busy:.2%} busy, {done.rate:,.0f}/s", flush=True)
        found.append(done)
        wanted = done.workers == 1_000 and done.in_flight == FACTOR * 1_000
        report.add(str(done), 100 * done.busy, "% busy", target=">= 99" if wanted else "")
    for call_s in (0.0, CALL_S):
        own = [c for c in found if c.call_s == call_s and c.ordered and c.in_flight == FACTOR * c.workers]
        kept = [c.workers for c in own if c.busy >= BUSY]
        beside = f"driver alone, plus {1e3 * call_s:g} ms a candidate for an actor call"
        report.add(f"most workers at >= 99 %: {beside}", max(kept, default=0), "workers")
        report.add(f"most candidates told a second: {beside}", max(c.rate for c in own), "/s")
    report.notes.append(
        f"candidates last 1 s on average (lognormal, sigma {SIGMA}); a wait for the disk is "
        f"{1e3 * group_s:.2g} ms, measured before; evolution, efficientformer, 3 objectives, 2 budgets"
    )
    report.details = {"fsync_ms": 1e3 * group_s, "cases": [dataclasses.asdict(case) for case in found]}
    common.finish(report, args)


if __name__ == "__main__":
    main()
