"""From settings to the parts of a search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitnas.cost.figures import Figures
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput, InvalidSpace, NothingFeasible
from vitnas.events import Listener
from vitnas.hardware.load import ProfiledDevice
from vitnas.hardware.targets import Target, check_answers, describe, label_of, load_targets
from vitnas.quality.data.dataset import Dataset
from vitnas.quality.data.images import Images
from vitnas.quality.labels import Labels
from vitnas.quality.trained import TRAIN
from vitnas.run.labels import labels_of
from vitnas.run.proxy_settings import proxy_images
from vitnas.run.train_settings import training_data
from vitnas.searching.budget import check_budgets, parse_budgets, with_own_limits
from vitnas.searching.config import SearchConfig
from vitnas.searching.extremes import extremes
from vitnas.searching.objectives import resolve_objectives
from vitnas.searching.problem import SearchProblem
from vitnas.searching.rungs import check_choosable
from vitnas.searching.strategy import Strategy, load_strategy
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.units import format_quantity

POOL = 4096  # feasible candidates whose medians and ranges give scores their meaning
GENOME_TRIALS = 2_000_000
NETWORK_TRIALS = 300
TRAIN_TRIALS = 32


@dataclass(frozen=True)
class Setup:
    """What a run works with.

    Attributes:
        pool: (m, G) feasible genomes drawn with the run's seed.
        devices: none when searching without them.
        labels: what quality ``fitted`` learns from.
        images: real ones that proxies see; None for Gaussian ones.
        data: labelled images that networks are trained on; None where nothing trains.
    """

    config: SearchConfig
    problem: SearchProblem
    pool: Genomes
    devices: tuple[ProfiledDevice, ...]
    labels: Labels | None = None
    images: Images | None = None
    data: Dataset | None = None

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
    config: SearchConfig, listener: Listener, folder: Path | None = None, *, measures: bool = True
) -> Setup:
    """Load space and devices (a run folder's own copies first), price the blocks, draw the pool.

    Args:
        config: of the run.
        listener: watches.
        folder: of the run; None where it has none yet.
        measures: whether networks will be measured; if not, neither images nor data need to be here.

    Raises:
        InvalidInput: a setting, file or budget is wrong, or a device cannot answer for what is asked.
        NothingFeasible: nothing meets the budgets; says what the space reaches.
    """
    source = str(folder / "space.yaml") if folder is not None else config.space
    space = load_space(source)
    if config.resolution_px is not None:
        space = space.at_resolution(config.resolution_px)
    known = labels_of(config, space, folder)
    for note in known.notes if known else ():
        listener.warn(f"{config.labels}: {note}")
    images = proxy_images(config, space) if measures else None
    data = training_data(config, space) if measures else None
    devices = load_targets(config.targets, folder)
    check_answers(devices, config.batch, space.resolutions_px)
    load_strategy(config.strategy).read_options(dict(config.strategy_options))
    figures = Figures(devices, config.batch)
    asked = [b for option, text in config.budgets for b in parse_budgets(option, text, figures)]
    budgets = with_own_limits(check_budgets(asked), figures)
    objectives = resolve_objectives(config.objectives, figures)
    check_choosable(config.rungs, objectives)
    labels = label_of(describe(figures, devices)) or "no device"
    listener.stage("pricing blocks", f"{space.name}, {labels}")
    problem = SearchProblem(_table(config, space, devices, listener), budgets, objectives)
    listener.stage("drawing a feasible pool", f"{space.size:.3g} architectures")
    return Setup(config, problem, _pool(problem, config.seed), devices, known, images, data)


def _table(
    config: SearchConfig, space: Space, devices: tuple[ProfiledDevice, ...], listener: Listener
) -> CostTable:
    try:
        return CostTable.cached(space, devices, listener.count, batch=config.batch)
    except InvalidSpace as problem:
        if config.resolution_px is None:
            raise
        raise InvalidInput(f"--resolution-px {config.resolution_px}: {problem}") from None


def _pool(problem: SearchProblem, seed: int) -> Genomes:
    try:
        return problem.sample_feasible(POOL, np.random.default_rng([seed, 1]))
    except NothingFeasible:
        raise NothingFeasible(_why_nothing(problem)) from None


def _why_nothing(problem: SearchProblem) -> str:
    """Which budget the space cannot reach, and what it can."""
    for budget in problem.budgets:
        low, high = extremes(problem.table, budget.cost)
        if (budget.excess(np.array([low, high])) > 0).all():
            reach = f"{format_quantity(budget.cost, low)} to {format_quantity(budget.cost, high)}"
            other = f"; --{budget.option} sets another limit" if budget.device else ""
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


def trials_of(config: SearchConfig, *, genome_quality: bool) -> int:
    """How many candidates to score where the user does not say."""
    if config.trials is not None:
        return config.trials
    built = TRAIN_TRIALS if config.quality == TRAIN else NETWORK_TRIALS
    return load_strategy(config.strategy).default_trials(GENOME_TRIALS if genome_quality else built)


def make_strategy(setup: Setup) -> Strategy:
    """The strategy of a run, fresh."""
    config = setup.config
    cls = load_strategy(config.strategy)
    return cls(setup.problem, config.seed, population=config.population, **dict(config.strategy_options))
