"""Fronts after 300 evaluations of each strategy, beside random search with as many, over 5 seeds.

One problem for all: the default search's, with quality `capacity`, batches of 10, and hypervolume in one
box. Ratios to random search are geometric means over pairs of equal seed with 95 % intervals by Student's t
on their logarithms. A run is stopped after 5 minutes: Optuna's Gaussian process takes seconds a trial, ever
more; its row says how far it came, and it is held against random search with as many evaluations too. The
other yardstick is the front of 2,000,000 priced candidates, which is what the
default search does in half a minute where the quality costs microseconds.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import _common as common
import torch
from _problem import Bench, default_bench

STRATEGIES = ("evolution", "local", "optuna-nsga2", "optuna-tpe", "optuna-gp")
EVALUATIONS = 300
BATCH = 10
CANDIDATES = 2_000_000
LIMIT_S = 300.0


@dataclass
class Runs:
    """One strategy's runs, a seed each."""

    hypervolume: list[float] = field(default_factory=list)
    trials: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def run(bench: Bench, strategy: str, trials: Sequence[int], batch: int, limit_s: float) -> Runs:
    """Run a strategy with seeds 0, 1, ... for so many trials each."""
    runs = Runs()
    for seed, wanted in enumerate(trials):
        loop = bench.loop(strategy, seed, batch)
        started = time.monotonic()
        loop.run(wanted, deadline=started + limit_s)
        runs.seconds.append(time.monotonic() - started)
        runs.trials.append(loop.progress.trials)
        runs.hypervolume.append(bench.box.hypervolume(loop.archive.objectives))
        print(f"{strategy}, seed {seed}, {runs.trials[-1]:,} trials: {runs.hypervolume[-1]:.4f}", flush=True)
    return runs


def ratio(values: list[float], others: list[float]) -> tuple[float, tuple[float, float]]:
    """Geometric mean of pairwise ratios and its 95 % interval."""
    logs = [math.log(value / other) for value, other in zip(values, others, strict=True)]
    mean, (low, high) = common.mean_interval(logs)
    return math.exp(mean), (math.exp(low), math.exp(high))


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    torch.set_num_threads(1)
    seeds = 2 if args.quick else 5
    evaluations, candidates = (40, 50_000) if args.quick else (EVALUATIONS, CANDIDATES)
    limit_s = 20.0 if args.quick else LIMIT_S
    bench = default_bench()
    control = run(bench, "random", [evaluations] * seeds, BATCH, math.inf)
    large = {s: run(bench, s, [candidates] * seeds, 16384, math.inf) for s in ("evolution", "random")}
    best = statistics.fmean(large["evolution"].hypervolume)
    report = common.Report(
        "strategies", f"Hypervolume of the front after {evaluations} evaluations, {seeds} seeds"
    )
    report.details = {"random": vars(control), "large": {name: vars(runs) for name, runs in large.items()}}

    def add(what: str, runs: Runs) -> None:
        mean, interval = common.mean_interval(runs.hypervolume)
        report.add(what, mean, interval=interval, beside=f"evolution, {candidates:,}", other=best)

    def versus(what: str, runs: Runs, others: Runs) -> None:
        times, interval = ratio(runs.hypervolume, others.hypervolume)
        report.add(f"  / {what}", times, "x", interval=interval)

    add(f"random, {evaluations}", control)
    for strategy in STRATEGIES:
        runs = run(bench, strategy, [evaluations] * seeds, BATCH, limit_s)
        report.details[strategy] = vars(runs)
        reached = round(statistics.fmean(runs.trials))
        add(f"{strategy}, {reached}" + ("" if reached == evaluations else " (stopped by the clock)"), runs)
        versus(f"random, {evaluations}", runs, control)
        if reached != evaluations:
            versus(f"random, {reached}", runs, run(bench, "random", runs.trials, BATCH, math.inf))
    for strategy, runs in large.items():
        add(f"{strategy}, {candidates:,}", runs)
        versus(f"random, {evaluations}", runs, control)
    versus(f"random, {candidates:,} (of evolution)", large["evolution"], large["random"])
    report.notes.append(
        "hypervolume: share of the box between best and worst values of 4,096 feasible candidates"
    )
    report.notes.append("[a to b] is a 95 % interval; ' / ' rows are ratios to what they name")
    common.finish(report, args)


if __name__ == "__main__":
    main()
