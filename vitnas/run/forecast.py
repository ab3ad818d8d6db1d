"""How long a search takes: a moment of its loop, a few networks, and what follows from them."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.schema import Architecture
from vitnas.bench.task import ALL, Draws, NetworkTask, Record, check_first_pass
from vitnas.events import Silent
from vitnas.quality.base import Quality
from vitnas.quality.data.decoded import Decoded
from vitnas.quality.parse import QualityName
from vitnas.quality.proxy import ProxyQuality
from vitnas.run.bench_scorer import make_scorer
from vitnas.run.brief_trainings import brief_settings, shares, training_length
from vitnas.run.main_loop import make_loops
from vitnas.run.prepare import Setup, trials_of
from vitnas.run.rating import Rating, fit_context
from vitnas.searching.listing import Listing, feasible_genomes
from vitnas.searching.loop import PRICED_PER_TRIAL, Loop
from vitnas.searching.strategy import load_strategy
from vitnas.space.files import recipe_of
from vitnas.training.brief import step_seconds
from vitnas.workers.tune import expected_epochs

LOOP_S = 2.5  # at most so long a search is tried
GROWTH = 0.15  # the front grows, and a candidate costs the more: exponent over the candidates priced
LEAST_SLOPE = 0.1  # of the trials over the candidates priced, both as logarithms
SLOW_S = 0.5  # a network that takes longer is not measured again
START_S = 4.0  # processes start and import torch


@dataclass(frozen=True)
class Mark:
    """How far a loop has come, and when."""

    priced: int
    trials: float
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a search would be.

    Attributes:
        trials: that there will be.
        trials_per_s: of them, on average.
        seconds: of the search alone.
        exhaustive: all feasible architectures are scored.
    """

    trials: int
    seconds: float
    exhaustive: bool = False

    @property
    def trials_per_s(self) -> float:
        """On average."""
        return self.trials / max(self.seconds, 1e-9)


def forecast(setup: Setup, workers: int) -> Forecast:
    """The search without its checks, measured for a few seconds."""
    quality, trials = setup.quality, trials_of(setup.config, setup.quality)
    if not quality.is_expensive:
        return _of_genomes(setup, trials)
    if not load_strategy(setup.config.strategy).counts_repeats:
        every = feasible_genomes(setup.problem, trials)
        trials = trials if every is None else len(every)
    else:
        every = None
    beside = 0 if quality.needs("trainings") else setup.rating.reference_networks
    arms = 2 if setup.config.random_arm else 1
    seconds = (arms * trials + beside) * network_seconds(setup, quality) / workers
    return Forecast(trials, seconds, every is not None)


def _of_genomes(setup: Setup, trials: int) -> Forecast:
    rating = Rating(setup.quality.fit(fit_context(setup)), None)
    scorer, _ = make_scorer(setup, rating, 1, Silent())
    loop, arm = make_loops(setup, scorer, trials)
    trials = trials if loop.every is None else len(loop.every)
    marks = [Mark(0, 0, 0.0)]
    started = time.perf_counter()

    def after(done: Loop) -> None:
        if arm is not None:
            arm.run(done.progress.trials)
        p = done.progress
        marks.append(Mark(p.asked, p.trials, time.perf_counter() - started))

    loop.run(trials, deadline=time.monotonic() + LOOP_S, after=after)
    end = marks[-1]
    if loop.progress.trials < trials and not loop.progress.exhausted:
        end = extrapolated(marks, trials, PRICED_PER_TRIAL[False] * max(trials, scorer.batch))
    return Forecast(round(end.trials), end.seconds, isinstance(loop.strategy, Listing))


def extrapolated(marks: Sequence[Mark], trials: int, most: int) -> Mark:
    """Where a loop will end that was watched for a while.

    Trials grow as a power of the candidates priced, since fewer and fewer of these are new; what a candidate
    costs grows as well, by `GROWTH`. Both are taken from the second half of what was seen.

    Args:
        marks: from the beginning, where nothing was priced, on.
        trials: that are wanted.
        most: candidates that are priced at most.
    """
    now = marks[-1]
    half = next(mark for mark in marks if mark.priced >= now.priced / 2)
    half = half if 0 < half.priced < now.priced else marks[0]
    slope = 1.0
    if half.trials > 0:
        slope = math.log(now.trials / half.trials) / math.log(now.priced / half.priced)
    slope = min(max(slope, LEAST_SLOPE), 1.0)
    ratio = min((trials / max(now.trials, 1)) ** (1 / slope), most / now.priced)
    pace = (now.seconds - half.seconds) / (now.priced - half.priced)
    more = pace * now.priced * (ratio ** (1 + GROWTH) - 1) / (1 + GROWTH)
    return Mark(round(now.priced * ratio), min(now.trials * ratio**slope, trials), now.seconds + more)


def network_seconds(setup: Setup, quality: QualityName) -> float:
    """Of one network, measured or trained for a quality, on one worker."""
    if quality.needs("trainings"):
        return training_seconds(setup)
    parts = quality.fit_parts(fit_context(setup))
    return _seconds_each(setup, _task(setup, [part for part in parts if part.rates == "networks"]))


def training_seconds(setup: Setup) -> float:
    """Of a training on one worker, on average, from a few steps on noise."""
    assert setup.data is not None
    config, data = setup.config, setup.data
    length = training_length(config, setup.table, setup.pool, data)
    settings = brief_settings(config, shares(config, 1), length)
    architecture = setup.problem.space.decode(setup.pool[0])
    labels = np.zeros(settings.batch, np.int64)
    shape = (settings.batch, *architecture.input_shape)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    flat = np.full(architecture.in_channels, 128, np.float32)
    some = Decoded(noise, labels, noise, labels, flat, flat, data.classes)
    seconds = step_seconds(architecture, some, settings, recipe_of(setup.problem.space))
    images = min(settings.images or len(data.train), len(data.train))
    steps = max(images // settings.batch, 1) + len(data.validation) / settings.batch / 3
    return seconds * steps * expected_epochs(settings.epochs, config.ends_early)


def check_seconds(setup: Setup, workers: int) -> float:
    """Of the reference networks and of the checks of the front and the published networks."""
    shown = [ProxyQuality(name) for name in setup.rating.shown]
    also = functools.partial(check_first_pass, devices=tuple(setup.table.devices), seed=setup.config.seed)
    checked = setup.config.front + len(setup.problem.space.references)
    sample_s = setup.rating.reference_networks * _seconds_each(setup, _task(setup, shown))
    check_s = checked * _seconds_each(setup, _task(setup, shown, also))
    return (sample_s + check_s) / workers


def _task(
    setup: Setup, qualities: Sequence[Quality], also: Callable[[Architecture], Record] | None = None
) -> NetworkTask:
    config = setup.config
    images = setup.images.source if setup.images else None
    draws = Draws(config.seed, images=images, device=config.device)
    return NetworkTask(tuple(qualities), draws, also=also).of_genomes(setup.problem.space)


def _seconds_each(setup: Setup, task: NetworkTask) -> float:
    """Of the network in the middle of the pool by MACs; of a second and third one, if they are quick."""
    order = np.argsort(setup.table.price(setup.pool)["macs"], kind="stable")
    middle, *others = (setup.pool[order[int(len(order) * share)]] for share in (1 / 2, 1 / 3, 2 / 3))
    first = _seconds(task, middle)  # the first use of proxies takes longer
    return first if first > SLOW_S else float(np.mean([_seconds(task, genome) for genome in others]))


def _seconds(task: NetworkTask, genome: NDArray[np.uint8]) -> float:
    started = time.perf_counter()
    task((genome.tobytes(), ALL))
    return time.perf_counter() - started
