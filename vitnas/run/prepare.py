"""From settings to the parts of a search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitnas import plugins
from vitnas.bench.networks import NetworkBench
from vitnas.cost.priced import Figures
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput, InvalidSpace, NothingFeasible
from vitnas.events import Listener
from vitnas.figures import format_quantity
from vitnas.formats.resolution import as_scalar
from vitnas.hardware.load_device import ProfiledDevice
from vitnas.hardware.targets import Target, check_answers, describe, label_of, load_targets
from vitnas.law.expectation import relatives_of
from vitnas.quality.data.dataset import Dataset
from vitnas.quality.data.images import Images, load_images
from vitnas.quality.labels import Labels
from vitnas.quality.measure import torch_device
from vitnas.quality.parse import QualityName, parse_quality
from vitnas.run.brief_trainings import training_data
from vitnas.run.read_labels import labels_of
from vitnas.searching.budget import check_budgets, parse_budgets, with_own_limits
from vitnas.searching.config import SearchConfig
from vitnas.searching.extremes import extremes
from vitnas.searching.objectives import resolve_objectives
from vitnas.searching.problem import SearchProblem
from vitnas.searching.rungs import check_choosable
from vitnas.searching.strategy import Strategy, load_strategy
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space, recipe_of
from vitnas.space.space import Space
from vitnas.store.folder import RunFolder
from vitnas.store.log import EvaluationLog
from vitnas.units import shortened
from vitnas.workers.pool import Workers
from vitnas.workers.settings import WorkerSettings

POOL = 4096  # feasible candidates whose medians and ranges give scores their meaning
TRIED_PX = 32


@dataclass(frozen=True)
class RatingSettings:
    """What a run measures beside its candidates, and how many of these it scores together.

    Attributes:
        reference_networks: of the pool, which scores are compared with.
        shown: proxies whose scores stand beside those of every front.
        batch: candidates that are scored together; None for what is usual for the quality and strategy.
    """

    reference_networks: int = 32
    shown: tuple[str, ...] = ("token_entropy", "naswot")
    batch: int | None = None


@dataclass(frozen=True)
class Setup:
    """What a run works with.

    Attributes:
        pool: (m, G) feasible genomes, the same for every seed and strategy: what a score of genomes and a
            hypervolume mean follows from space, devices and budgets.
        devices: none when searching without them.
        labels: what quality ``fitted`` learns from.
        images: real ones that proxies see; None for Gaussian ones.
        data: labelled images that networks are trained on; None where nothing trains.
        rating: what is measured beside the candidates, and how many are scored together.
    """

    config: SearchConfig
    problem: SearchProblem
    pool: Genomes
    devices: tuple[ProfiledDevice, ...]
    labels: Labels | None = None
    images: Images | None = None
    data: Dataset | None = None
    rating: RatingSettings = RatingSettings()

    @property
    def quality(self) -> QualityName:
        """The quality of the search; its class, not what is fitted."""
        return parse_quality(self.config.quality, self.config.combine)

    @property
    def reference_networks(self) -> Genomes:
        """The first of the pool (m, G), which scores are compared with."""
        return self.pool[: self.rating.reference_networks]

    @property
    def table(self) -> CostTable:
        """Prices genomes."""
        return self.problem.table

    @property
    def targets(self) -> tuple[Target, ...]:
        """The devices for reports."""
        return describe(self.table.figures, self.devices)

    @property
    def limits(self) -> tuple[str, ...]:
        """The devices' own limits among the budgets, as text."""
        return tuple(str(budget) for budget in self.problem.budgets if budget.device)


def prepare(
    config: SearchConfig,
    listener: Listener,
    folder: Path | None = None,
    *,
    measures: bool = True,
    rating: RatingSettings | None = None,
    space: Space | None = None,
) -> Setup:
    """Load space and devices (a run folder's own copies first), price the blocks, draw the pool.

    Args:
        config: of the run.
        listener: watches.
        folder: of the run; None where it has none yet.
        space: in place of the one that ``config`` names.
        measures: whether networks will be measured; if not, neither images nor data need to be here.
        rating: what is measured beside the candidates, and how many are scored together.

    Raises:
        InvalidInput: a setting, file or budget is wrong, or a device cannot answer for what is asked.
        NothingFeasible: nothing meets the budgets; says what the space reaches.
    """
    if space is None:
        space = load_space(str(folder / "space.yaml") if folder is not None else config.space)
    if config.resolution_px is not None:
        space = space.at_resolution(config.resolution_px)
    relatives_of(recipe_of(space), space.name)  # what is wrong there is found now, not at the end
    known = labels_of(config, space, folder)
    for note in known.notes if known else ():
        listener.warn(f"{config.labels}: {note}")
    images = proxy_images(config, space) if measures else None
    data = training_data(config, space) if measures else None
    devices = tuple(device.at(space.resolutions_px) for device in load_targets(config.targets, folder))
    check_answers(devices, config.batch, space.resolutions_px)
    figures = Figures(devices, config.batch)
    asked = [b for option, text in config.budgets for b in parse_budgets(option, text, figures)]
    budgets = with_own_limits(check_budgets(asked), figures)
    objectives = resolve_objectives(config.objectives, figures)
    check_choosable(config.rungs, objectives)
    labels = label_of(describe(figures, devices)) or "no device"
    listener.stage("pricing blocks", f"{space.name}, {labels}")
    problem = SearchProblem(_table(config, space, devices, listener), budgets, objectives)
    listener.stage("drawing a feasible pool", f"{shortened(space.size)} architectures")
    pool = _pool(problem)
    return Setup(config, problem, pool, devices, known, images, data, rating or RatingSettings())


def check_strategy(config: SearchConfig) -> None:
    """Whether there is such a strategy, and it has the options that were given.

    Raises:
        UnknownName, InvalidInput: it has not; PluginError: its code is wrong.
    """
    load_strategy(config.strategy).read_options(dict(config.strategy_options))


def proxy_images(config: SearchConfig, space: Space) -> Images | None:
    """The images that the settings name, if any; the device is checked as well.

    Raises:
        InvalidInput: the images cannot be read, or are of other channels; the device is not there.
    """
    torch_device(config.device)
    if config.images is None:
        return None
    images = load_images(config.images)
    sampled = space.decode(space.sample(1, np.random.default_rng(config.seed))[0])
    images.draw(1, sampled.in_channels, TRIED_PX, config.seed)
    return images


def _table(
    config: SearchConfig, space: Space, devices: tuple[ProfiledDevice, ...], listener: Listener
) -> CostTable:
    try:
        return CostTable.cached(space, devices, listener.count, batch=config.batch)
    except InvalidSpace as problem:
        if config.resolution_px is None:
            raise
        raise InvalidInput(f"`resolution_px` {as_scalar(config.resolution_px)}: {problem}") from None


def _pool(problem: SearchProblem) -> Genomes:
    try:
        return problem.sample_feasible(POOL, np.random.default_rng([0, 1]))
    except NothingFeasible:
        raise NothingFeasible(_why_nothing(problem)) from None


def _why_nothing(problem: SearchProblem) -> str:
    """Which budget the space cannot reach, and what it can."""
    for budget in problem.budgets:
        low, high = extremes(problem.table, budget.cost)
        if (budget.excess(np.array([low, high])) > 0).all():
            reach = f"{format_quantity(budget.cost, low)} to {format_quantity(budget.cost, high)}"
            other = f"; `{budget.option.replace('-', '_')}` sets another limit" if budget.device else ""
            nothing = f"no architecture of '{problem.space.name}' meets {budget}"
            return f"{nothing}: the space reaches {reach}{other}"
    texts = " and ".join(str(b) for b in problem.budgets)
    ranges = ", ".join(
        "{} {} to {}".format(b.cost, *(format_quantity(b.cost, v) for v in extremes(problem.table, b.cost)))
        for b in {b.cost: b for b in problem.budgets}.values()
    )
    return (
        f"no architecture of '{problem.space.name}' was found that meets {texts} together, though each alone "
        f"is within reach ({ranges}); loosen one"
    )


def trials_of(config: SearchConfig, quality: QualityName) -> int:
    """How many candidates to score where the user does not say."""
    if config.trials is not None:
        return config.trials
    return load_strategy(config.strategy).default_trials(quality.trials)


def make_strategy(setup: Setup) -> Strategy:
    """The strategy of a run, fresh."""
    config = setup.config
    cls = load_strategy(config.strategy)
    with plugins.running("strategy", config.strategy, "cannot be made"):
        return cls(
            setup.problem,
            config.seed,
            population=config.population,
            planned=trials_of(config, setup.quality),
            **dict(config.strategy_options),
        )


@dataclass(frozen=True)
class RunContext:
    """What the parts of a running search share: what is searched, where it is written, who watches.

    Attributes:
        setup: settings, space, devices, budgets and pool.
        folder: the run's; this process is its only writer.
        bench: builds and runs networks on the run's workers, each once.
        listener: watches.
        shares: workers of trainings, which have their own.
    """

    setup: Setup
    folder: RunFolder
    bench: NetworkBench
    listener: Listener
    shares: int | WorkerSettings = 1

    @classmethod
    def of(
        cls,
        setup: Setup,
        folder: RunFolder,
        log: EvaluationLog,
        workers: Workers,
        listener: Listener,
        *,
        shares: int | WorkerSettings = 1,
    ) -> RunContext:
        """With a bench of the run's own.

        Args:
            setup, folder, listener, shares: as above.
            log: of the folder.
            workers: build and run networks.
        """
        images, device = setup.images, setup.config.device
        bench = NetworkBench(setup.table, workers, log, setup.config.seed, images=images, device=device)
        return cls(setup, folder, bench, listener, shares)
