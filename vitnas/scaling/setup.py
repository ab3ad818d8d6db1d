"""What is scaled, for which devices and within which bounds: checked before anything is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitnas import plugins
from vitnas.arch.schema import Architecture
from vitnas.cost.priced import Figures
from vitnas.cost.pricer import NetworkPricer
from vitnas.formats.path_name import as_name
from vitnas.formats.resolution import in_px
from vitnas.hardware.load_device import ProfiledDevice
from vitnas.hardware.targets import check_answers
from vitnas.scaling import compound
from vitnas.scaling.rule import Bound
from vitnas.scaling.scale_config import ScaleConfig
from vitnas.searching.budget import Budget, check_budgets, parse_budgets, with_own_limits


@dataclass(frozen=True)
class Setup:
    """What a run needs to begin.

    Attributes:
        pricer: remembers the blocks that it has priced.
        bounds: budgets and the devices' own limits.
        notes: what was decided in the user's place.
    """

    config: ScaleConfig
    seed: Architecture
    devices: tuple[ProfiledDevice, ...]
    pricer: NetworkPricer
    bounds: tuple[Bound, ...]
    notes: tuple[str, ...] = ()

    @property
    def figures(self) -> Figures:
        """What is priced."""
        return self.pricer.figures


def prepare(config: ScaleConfig, seed: Architecture, devices: tuple[ProfiledDevice, ...]) -> Setup:
    """Check what can be checked without building anything.

    Raises:
        InvalidInput: a device cannot answer, a budget or a proxy is wrong.
    """
    check_answers(devices, config.batch, [seed.resolution_px])
    devices = tuple(device.at([seed.resolution_px]) for device in devices)
    for proxy in {*config.deciding, *config.proxies}:
        plugins.load_plugin("proxy", proxy)
    figures = Figures(devices, config.batch)
    asked = [b for option, text in config.budgets for b in parse_budgets(option, text, figures)]
    bounds = tuple(_bound(b) for b in with_own_limits(check_budgets(asked), figures))
    config, notes = _with_fixed_resolution(config, seed, devices)
    return Setup(config, seed, devices, NetworkPricer(figures), bounds, notes)


def _bound(budget: Budget) -> Bound:
    note = f"limit of {budget.device}" if budget.device else ""
    return Bound(budget.cost, budget.limit, budget.at_least, note)


def _with_fixed_resolution(
    config: ScaleConfig, seed: Architecture, devices: Sequence[ProfiledDevice]
) -> tuple[ScaleConfig, tuple[str, ...]]:
    """Compound scaling keeps the resolution where a device knows few others, unless a ratio is given."""
    if config.rule != "compound" or "resolution_ratio" in config.settings:
        return config, ()
    others = compound.neighbours(seed.resolution_px)
    refused = [(d.name, other) for d in devices for other in others if not d.knows(config.batch, other)]
    if not refused:
        return config, ()
    kept = dataclasses.replace(config, settings={**config.settings, "resolution_ratio": 1.0})
    name, other = refused[0]
    note = f"the resolution stays {in_px(seed.resolution_px)}: {name} does not answer for {in_px(other)}"
    return kept, (note,)


def stem_of(file: str) -> str:
    """What a run and its networks are called after: ``efficientformer:s0`` -> ``efficientformer-s0``."""
    return as_name(file if ":" in file and not file.endswith((".yaml", ".yml")) else Path(file).stem)
