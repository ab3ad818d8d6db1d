"""Fronts after 300 evaluations of each strategy, beside random search with as many, over 5 seeds.

One problem for all: the default search's, with quality `capacity`, batches of 10, and hypervolume in one
box. Ratios to random search are geometric means over pairs of equal seed with 95 % intervals by Student's t
on their logarithms. Optuna's Gaussian process takes seconds a trial, ever more (300 trials would take hours a
seed), so it gets 30, and is held against random search with 30 as well. The other yardstick is the front
of 2,000,000 priced candidates, which the default search reaches in ten seconds where the quality costs
microseconds. Seeds run in parallel, on all cores; no time is measured here.
"""

from __future__ import annotations

import functools
import math
import multiprocessing
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import _common as common
import torch
from _problem import Bench, default_bench

STRATEGIES = ("evolution", "local", "reinforce", "optuna-nsga2", "optuna-tpe", "optuna-gp")
EVALUATIONS = 300
BATCH = 10
CANDIDATES = 2_000_000
GP_EVALUATIONS = 30


@functools.cache
def bench() -> Bench:
    """One in each process, all the same."""
    torch.set_num_threads(1)
    return default_bench()


def one(strategy: str, trials: int, batch: int, seed: int) -> float:
    """Hypervolume of one run's front."""
    loop = bench().loop(strategy, seed, batch, trials)
    loop.run(trials)
    assert loop.progress.trials == trials
    return bench().box.hypervolume(loop.archive.objectives)


@dataclass
class Runner:
    """Runs a strategy with several seeds, on all cores."""

    pool: ProcessPoolExecutor
    seeds: int
    details: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, strategy: str, trials: int, batch: int = BATCH) -> list[float]:
        """Hypervolume of every seed's front."""
        name = f"{strategy}, {trials:,}"
        if name not in self.details:
            jobs = [self.pool.submit(one, strategy, trials, batch, seed) for seed in range(self.seeds)]
            self.details[name] = [job.result() for job in jobs]
            print(f"{name}:", *(f"{value:.4f}" for value in self.details[name]), flush=True)
        return self.details[name]


def ratio(values: list[float], others: list[float]) -> tuple[float, tuple[float, float]]:
    """Geometric mean of pairwise ratios and its 95 % interval."""
    logs = [math.log(value / other) for value, other in zip(values, others, strict=True)]
    mean, (low, high) = common.mean_interval(logs)
    return math.exp(mean), (math.exp(low), math.exp(high))


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    seeds = 2 if args.quick else 5
    evaluations, candidates = (40, 50_000) if args.quick else (EVALUATIONS, CANDIDATES)
    fewer = {"optuna-gp": 25 if args.quick else GP_EVALUATIONS}
    report = common.Report(
        "strategies", f"Hypervolume of the front after {evaluations} evaluations, {seeds} seeds"
    )
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        run = Runner(pool, seeds, report.details)
        control = run("random", evaluations)
        large = {strategy: run(strategy, candidates, 16384) for strategy in ("evolution", "random")}
        best = statistics.fmean(large["evolution"])

        def add(what: str, values: list[float], others: dict[str, list[float]]) -> None:
            mean, interval = common.mean_interval(values)
            report.add(what, mean, interval=interval, beside=f"evolution, {candidates:,}", other=best)
            for name, other in others.items():
                times, interval = ratio(values, other)
                report.add(f"  / {name}", times, "x", interval=interval)

        against = {f"random, {evaluations}": control}
        add(f"random, {evaluations}", control, {})
        for strategy in STRATEGIES:
            trials = fewer.get(strategy, evaluations)
            others = against | {f"random, {trials}": run("random", trials)}
            add(f"{strategy}, {trials}", run(strategy, trials), others)
        add(f"random, {candidates:,}", large["random"], against)
        others = against | {f"random, {candidates:,}": large["random"]}
        add(f"evolution, {candidates:,}", large["evolution"], others)
    report.notes.append(
        "hypervolume: share of the box between best and worst values of 4,096 feasible candidates"
    )
    report.notes.append("[a to b] is a 95 % interval; rows with ' / ' are ratios to what they name")
    common.finish(report, args)


if __name__ == "__main__":
    main()
