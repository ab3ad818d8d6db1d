"""What a search would do, without doing it."""

from __future__ import annotations

import time

import numpy as np

from vitnas.bench.task import ALL, Draws, NetworkTask
from vitnas.cost.table import Costs
from vitnas.events import Listener, Silent
from vitnas.figures import FIGURES
from vitnas.quality.parse import QualityName
from vitnas.run.prepare import Setup, make_strategy, prepare, trials_of
from vitnas.run.rating import check_qualities, fit_context
from vitnas.run.result import DryRun, RungPlan
from vitnas.run.trainings import training_seconds
from vitnas.run.wanted import qualities_of
from vitnas.searching.config import SearchConfig
from vitnas.searching.extremes import extremes
from vitnas.searching.loop import Loop
from vitnas.searching.rungs import Rung
from vitnas.searching.scorer import GenomeScorer
from vitnas.space.space import Space

SAMPLE = 200_000
FEW_TRIALS = 1000
CHECK_S = 16.0  # reference sample and checks of a default run: benchmarks/default_search.py, 2 cores


def dry_run(config: SearchConfig, listener: Listener | None = None, *, space: Space | None = None) -> DryRun:
    """Size of the space, ranges of every cost, shares of the budgets, speed and time.

    Raises:
        InvalidInput: a setting or file is wrong.
        NothingFeasible: nothing meets the budgets; says what the space reaches.
    """
    check_qualities(config)
    setup = prepare(config, listener or Silent(), space=space)
    rng = np.random.default_rng([config.seed, 2])
    costs = setup.table.price(setup.problem.space.sample(SAMPLE, rng))
    ranges = {}
    for name in _shown(setup, costs):
        low, high = extremes(setup.table, name)
        ranges[name] = (low, float(np.median(costs[name])), high)
    trials = trials_of(config, setup.quality)
    searched, *then = qualities_of(config).values()
    rate = 1.0 / _seconds(setup, searched) if searched.is_expensive else _rate(setup, trials)
    rungs = tuple(_plan(setup, rung, own) for rung, own in zip(config.rungs, then, strict=True))
    return DryRun(
        space=setup.problem.space.name,
        size=setup.problem.space.size,
        genes=len(setup.problem.space.genes),
        costs=ranges,
        budgets=_shares(setup, costs),
        trials=trials,
        trials_per_s=rate,
        seconds=trials / rate + CHECK_S + sum(plan.seconds or 0.0 for plan in rungs),
        objectives=setup.problem.objectives,
        targets=setup.targets,
        rungs=rungs,
    )


def _plan(setup: Setup, rung: Rung, quality: QualityName) -> RungPlan:
    """What a rung would do, with one worker; its reference sample is among the time."""
    if not quality.is_expensive:
        return RungPlan(rung.quality, rung.take, 0.0)
    beside = 0 if quality.needs("trainings") else setup.rating.reference_networks
    return RungPlan(rung.quality, rung.take, (rung.take + beside) * _seconds(setup, quality))


def _shown(setup: Setup, costs: Costs) -> list[str]:
    """The figures that can be priced; a device's own of a call only where the devices differ in it."""
    figures = setup.table.figures
    names = [name for key in FIGURES for name in figures.of(key)]
    for figure in figures.called:
        own = [name for name in figures.names if name.startswith(f"{figure.key}@")]
        names += own if any((costs[name] != costs[figure.key]).any() for name in own) else []
    return names


def _shares(setup: Setup, costs: Costs) -> dict[str, float]:
    """Share of random candidates that meet each budget, and all of them."""
    shares = {str(b): float((b.excess(costs[b.cost]) == 0).mean()) for b in setup.problem.budgets}
    if shares:
        shares["all"] = float((setup.problem.violation(costs, len(costs)) == 0).mean())
    return shares


def _rate(setup: Setup, trials: int) -> float:
    """Feasible candidates scored a second by a quality of genomes, measured on a few."""
    quality = setup.quality.fit(fit_context(setup))
    few = trials <= FEW_TRIALS
    strategy = make_strategy(setup)
    batch = strategy.batch or setup.quality.batch
    loop = Loop(setup.problem, strategy, GenomeScorer(lambda g: quality.rate(g, ()), batch), 0)
    loop.run(20 if few else 32768)
    before = loop.progress.trials
    started = time.perf_counter()
    loop.run(before + (40 if few else 100_000))
    return max(loop.progress.trials - before, 1) / (time.perf_counter() - started)


def _seconds(setup: Setup, quality: QualityName) -> float:
    """Of one network, measured or trained, on one worker."""
    if quality.needs("trainings"):
        return training_seconds(setup)
    parts = tuple(part for part in quality.fit_parts(fit_context(setup)) if part.is_expensive)
    draws = Draws(images=setup.config.images, device=setup.config.device)
    task = NetworkTask(parts, draws).of_genomes(setup.problem.space)
    item = (setup.pool[0].tobytes(), ALL)
    task(item)
    started = time.perf_counter()
    task(item)
    return time.perf_counter() - started
