"""Timing probes: shuffled, beside a reference block that shows drift, noisy ones again."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vitnas.hardware.measure.probe import Probe
from vitnas.hardware.measure.runtime import CannotConvert, Runtime, Timed
from vitnas.hardware.measure.session import Session, Visit

RUNS = 30
WARM_UP_RUNS, WARM_UP_MS = 3, 10.0
LEAST_MS = 25.0  # short blocks are run more often, for so long
MOST_RUNS = 300
REFERENCE_RUNS = 15
NOISY = 0.05  # IQR / median, or distance of the reference from its median over the session
UNUSUAL = 1.5  # times the usual noise of this machine: below it another visit is no better
VISITS = 3


class Watcher(Protocol):
    """Sees a measurement's progress."""

    def visited(self, done: int, total: int, probe: Probe, visit: Visit) -> None:
        """A probe was timed; ``total`` grows when noisy ones are timed again."""
        ...


@dataclass
class Timer:
    """Times probes in a runtime and writes the session.

    Attributes:
        runtime: that runs them.
        reference: a block timed before and after every visit.
        session: open log.
        runs: of each probe, at least.
        seed: of the order.
    """

    runtime: Runtime
    reference: Probe
    session: Session
    runs: int = RUNS
    seed: int = 0
    clock: Callable[[], float] = time.perf_counter
    _reference: Timed | None = field(default=None, init=False)

    def run(self, probes: Sequence[Probe], watcher: Watcher) -> None:
        """Time all probes that have no visit yet, then the noisy ones again."""
        seen = self.session.by_probe()
        todo = [probe for probe in probes if probe.id not in seen]
        order = np.random.default_rng(self.seed).permutation(len(todo))
        done, total = len(probes) - len(todo), len(probes)
        for k in order:
            done += 1
            watcher.visited(done, total, todo[k], self._visit(todo[k]))
        while again := self._noisy(probes):
            total += len(again)
            for probe in again:
                done += 1
                watcher.visited(done, total, probe, self._visit(probe))

    def _visit(self, probe: Probe) -> Visit:
        start = self.clock()
        try:
            timed = self.runtime.prepare(probe.module(), probe.example())
        except CannotConvert as problem:
            visit = Visit(probe.id, 0.0, 0.0, 0, 0.0, 0.0, self.clock() - start, str(problem))
        else:
            before_ms = self._reference_ms()
            median, iqr, runs = time_probe(timed, self.runs)
            after_ms = self._reference_ms()
            visit = Visit(probe.id, median, iqr, runs, before_ms, after_ms, self.clock() - start)
        self.session.add(visit)
        return visit

    def _reference_ms(self) -> float:
        if self._reference is None:
            self._reference = self.runtime.prepare(self.reference.module(), self.reference.example())
        self._reference.times_ms(2)
        return float(np.median(self._reference.times_ms(REFERENCE_RUNS)))

    def _noisy(self, probes: Iterable[Probe]) -> list[Probe]:
        """Those whose best visit is noisy and that have been visited fewer than ``VISITS`` times."""
        level = reference_level(self.session.visits)
        seen = {key: visits for key, visits in self.session.by_probe().items() if visits[0].runs}
        best = {key: min(noise(visit, level) for visit in visits) for key, visits in seen.items()}
        usual = float(np.median([noise(visits[0], level) for visits in seen.values()])) if seen else 0.0
        limit = max(NOISY, UNUSUAL * usual)
        return [p for p in probes if p.id in seen and len(seen[p.id]) < VISITS and best[p.id] > limit]


def time_probe(timed: Timed, least_runs: int) -> tuple[float, float, int]:
    """Median and interquartile range in milliseconds over at least ``least_runs`` warm calls."""
    spent, warm = 0.0, 0
    while warm < WARM_UP_RUNS or (spent < WARM_UP_MS and warm < least_runs):
        spent += sum(timed.times_ms(1))
        warm += 1
    each = max(spent / warm, 1e-4)
    runs = int(min(max(least_runs, LEAST_MS / each), max(MOST_RUNS, least_runs)))
    collects = gc.isenabled()
    gc.disable()
    try:
        times = timed.times_ms(runs)
    finally:
        if collects:
            gc.enable()
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75])
    return float(median), float(high - low), runs


def reference_level(visits: Iterable[Visit]) -> float:
    """Median of the reference block over a session; nan without visits."""
    times = [ms for visit in visits if visit.runs for ms in (visit.before_ms, visit.after_ms)]
    return float(np.median(times)) if times else float("nan")


def noise(visit: Visit, reference_ms: float) -> float:
    """How far a visit is to be doubted: its relative IQR, or how far the machine was from its usual pace."""
    spread = visit.iqr_ms / visit.median_ms if visit.median_ms > 0 else 0.0
    paces = (visit.before_ms, visit.after_ms) if reference_ms > 0 else ()
    return max(spread, *(abs(pace / reference_ms - 1) for pace in paces), 0.0)


def best_visits(visits: Iterable[Visit]) -> dict[str, Visit]:
    """The calmest visit of each probe that could be run."""
    kept = [visit for visit in visits if visit.runs]
    level = reference_level(kept)
    found: dict[str, Visit] = {}
    for visit in kept:
        if visit.probe not in found or noise(visit, level) < noise(found[visit.probe], level):
            found[visit.probe] = visit
    return found
