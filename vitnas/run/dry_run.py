"""What a search would do, without doing it."""

from __future__ import annotations

import numpy as np

from vitnas import plugins
from vitnas.cost.columns import Costs
from vitnas.events import Listener, Silent
from vitnas.figures import FIGURES
from vitnas.quality.parse import QualityName
from vitnas.run.forecast import START_S, check_seconds, forecast, network_seconds
from vitnas.run.prepare import Setup, check_strategy, prepare
from vitnas.run.rating import check_qualities
from vitnas.run.result import DryRun, RungPlan
from vitnas.run.wanted import qualities_of
from vitnas.searching.config import SearchConfig
from vitnas.searching.extremes import extremes
from vitnas.searching.rungs import Rung
from vitnas.space.space import Space
from vitnas.workers import WorkerSettings, planned, require_packages

SAMPLE = 200_000


def dry_run(
    config: SearchConfig,
    listener: Listener | None = None,
    *,
    workers: int | WorkerSettings = 1,
    space: Space | None = None,
) -> DryRun:
    """Size of the space, ranges of every cost, shares of the budgets, speed and time.

    Args:
        config: of the search.
        listener: watches.
        workers: that it would have.
        space: in place of the one that ``config`` names.

    Raises:
        InvalidInput: a setting or file is wrong.
        NothingFeasible: nothing meets the budgets; says what the space reaches.
        MissingExtra: Ray is asked for, and not installed.
    """
    plugins.ask(*config.plugins, *(space.operators if space is not None else ()))
    check_qualities(config)
    check_strategy(config)
    require_packages(workers)
    setup = prepare(config, listener or Silent(), space=space)
    rng = np.random.default_rng([config.seed, 2])
    costs = setup.table.price(setup.problem.space.sample(SAMPLE, rng))
    ranges = {}
    for name in _shown(setup, costs):
        low, high = extremes(setup.table, name)
        ranges[name] = (low, float(np.median(costs[name])), high)
    number = planned(workers)
    search = forecast(setup, number)
    checks_s = check_seconds(setup, number) + (0.0 if workers == 1 else START_S)
    _, *then = qualities_of(config).values()
    rungs = tuple(_plan(setup, rung, own, number) for rung, own in zip(config.rungs, then, strict=True))
    return DryRun(
        space=setup.problem.space.name,
        size=setup.problem.space.size,
        genes=len(setup.problem.space.genes),
        costs=ranges,
        budgets=_shares(setup, costs),
        trials=search.trials,
        trials_per_s=search.trials_per_s,
        seconds=search.seconds + checks_s + sum(plan.seconds or 0.0 for plan in rungs),
        workers=number,
        exhaustive=search.exhaustive,
        objectives=setup.problem.objectives,
        targets=setup.targets,
        rungs=rungs,
    )


def _plan(setup: Setup, rung: Rung, quality: QualityName, workers: int) -> RungPlan:
    """What a rung would do; its reference sample is among the time."""
    if not quality.is_expensive:
        return RungPlan(rung.quality, rung.take, 0.0)
    beside = 0 if quality.needs("trainings") else setup.rating.reference_networks
    return RungPlan(rung.quality, rung.take, (rung.take + beside) * network_seconds(setup, quality) / workers)


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
