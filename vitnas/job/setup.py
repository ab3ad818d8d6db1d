"""From settings to the parts of a search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.cost.table import CostTable
from vitnas.errors import NothingFeasible
from vitnas.hardware.load import ProfiledDevice, load_device
from vitnas.search.budget import check_budgets, parse_budget
from vitnas.search.config import SearchConfig
from vitnas.search.events import Listener
from vitnas.search.problem import OBJECTIVES, SearchProblem, check_objectives
from vitnas.search.reach import extremes
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.units import format_quantity

POOL = 4096  # feasible candidates whose medians and ranges give scores their meaning
GENOME_TRIALS = 2_000_000
NETWORK_TRIALS = 300
OPTUNA_TRIALS = 1_000


@dataclass(frozen=True)
class Setup:
    """What a run works with.

    Attributes:
        pool: (m, G) feasible genomes drawn with the run's seed.
        device: None when searching without latency.
    """

    config: SearchConfig
    problem: SearchProblem
    pool: Genomes
    device: ProfiledDevice | None

    @property
    def table(self) -> CostTable:
        """Prices genomes."""
        return self.problem.table

    @property
    def device_label(self) -> str:
        """What stands beside every latency; empty without a device."""
        return self.device.label if self.device else ""

    @property
    def band(self) -> float:
        """Relative error of a latency; nan if unknown."""
        return self.device.band if self.device else float("nan")


def prepare(config: SearchConfig, listener: Listener, folder: Path | None = None) -> Setup:
    """Load space and device (a run folder's own copies first), price the blocks, draw the pool.

    Raises:
        InvalidInput: a setting, file or budget is wrong.
        NothingFeasible: nothing meets the budgets; says what the space reaches.
    """
    space_file, device_file = _sources(config, folder)
    space = load_space(space_file)
    device = load_device(device_file) if device_file else None
    if device is not None and config.target:
        device.name = Path(config.target).stem
    plugins.load_plugin("strategy", config.strategy)
    budgets = check_budgets(parse_budget(option, text) for option, text in config.budgets)
    check_objectives(config.resolved_objectives, budgets, has_device=device is not None)
    listener.stage("pricing blocks", f"{space.name}, {device.label if device else 'no device'}")
    table = CostTable.cached(space, device, listener.count)
    problem = SearchProblem(table, budgets, config.resolved_objectives)
    listener.stage("drawing a feasible pool", f"{space.size:.3g} architectures")
    return Setup(config, problem, _pool(problem, config.seed), device)


def _sources(config: SearchConfig, folder: Path | None) -> tuple[str, str | None]:
    if folder is not None:
        kept = folder / "device.yaml"
        return str(folder / "space.yaml"), str(kept) if kept.is_file() else None
    return config.space, config.target


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
            return f"no architecture of '{problem.space.name}' meets {budget}: the space reaches {reach}"
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
    if not genome_quality:
        return NETWORK_TRIALS
    return OPTUNA_TRIALS if is_sequential(config.strategy) else GENOME_TRIALS


def is_sequential(strategy: str) -> bool:
    """Whether a strategy proposes few at a time (Optuna's samplers learn from each)."""
    return strategy.startswith("optuna-")


def make_strategy(setup: Setup) -> Any:
    """The strategy of a run, fresh."""
    cls = plugins.load_plugin("strategy", setup.config.strategy)
    return cls(setup.problem, setup.config.seed, population=setup.config.population)


def natural(setup: Setup, objectives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Objectives (n, M) in their natural signs: quality up, costs down."""
    signs = np.array([-1.0 if name == "quality" else 1.0 for name in setup.problem.objectives])
    return np.asarray(objectives * signs)


def cost_names(setup: Setup) -> list[str]:
    """The figures of the cost table that this run can fill in."""
    return [c for c in OBJECTIVES.values() if c and (c != "latency_ms" or setup.device is not None)]
