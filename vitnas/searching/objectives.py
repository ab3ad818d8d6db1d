"""What a search optimises, by name, and the figures of the cost table that stand behind it."""

from __future__ import annotations

from collections.abc import Sequence

from vitnas.cost.priced import Figures
from vitnas.errors import InvalidInput, unknown
from vitnas.figures import FIGURES, figure_of, times

QUALITY = "quality"


def objective_names() -> dict[str, str]:
    """Objective -> figure; quality, which is no cost, has none."""
    return {QUALITY: ""} | {figure.objective: figure.key for figure in FIGURES.values()}


def cost_of(objective: str) -> str:
    """The figure of an objective: ``latency@iphone12`` -> ``latency_ms@iphone12``; empty for quality."""
    name, at, device = objective.partition("@")
    return f"{objective_names()[name]}{at}{device}"


def is_maximised(objective: str) -> bool:
    """Whether more of it is better: quality and throughput; everything else is to be small."""
    cost = cost_of(objective)
    return not cost or figure_of(cost).axis.more_is_better


def resolve_objectives(asked: Sequence[str], figures: Figures) -> tuple[str, ...]:
    """The objectives of a run, one for each device where a time is asked for without naming one.

    Nothing asked is quality, every device's latency or throughput, and with one device params; with two they
    would make the front three times as long (efficientformer: 4,805 and 14,471 of 500,000) for as many files.
    Without a device that holds times: quality, macs, params.

    Raises:
        InvalidInput: an unknown objective, one that no device of the run holds, or the same one twice.
    """
    held_times = [_name(cost) for figure in times() for cost in figures.of(figure.key)]
    if not asked:
        rest = ["params"] if len(held_times) < 2 else []
        return (QUALITY, *(held_times or ["macs"]), *rest)
    found: list[str] = []
    for objective in asked:
        found += _resolved(objective, figures)
    if len(set(found)) != len(found):
        raise InvalidInput(f"an objective stands twice in {', '.join(asked)}")
    return tuple(found)


def _resolved(objective: str, figures: Figures) -> list[str]:
    name, _, device = objective.partition("@")
    known = objective_names()
    if name not in known:
        raise unknown("objective", objective, known)
    if name == QUALITY and not device:
        return [QUALITY]
    return [_name(cost) for cost in held(known[name], device, figures, f"`objectives` {objective}")]


def _name(cost: str) -> str:
    _, at, device = cost.partition("@")
    return figure_of(cost).objective + at + device


def held(figure: str, device: str, figures: Figures, where: str) -> tuple[str, ...]:
    """The names under which a figure is priced, for one device or (empty) all of them.

    Raises:
        UnknownName: the run has no such device.
        InvalidInput: the device, or none of the run's, holds this figure; says what it holds.
    """
    names = [d.name for d in figures.devices]
    if device and device not in names:
        raise unknown("target", device, names, where=where)
    costs = figures.of(figure, device)
    if costs:
        return costs
    if not figure or not FIGURES[figure].is_time:
        raise InvalidInput(
            f"{where}: '{figure or QUALITY}' is the same on every device; leave '{device}' out"
        )
    if not names:
        wanted = FIGURES[figure].objective
        raise InvalidInput(f"{wanted} needs a device: name one with `target` (see 'vitnas devices')")
    raise InvalidInput(f"{where}: {_refusal(FIGURES[figure].objective, device, figures)}")


def _refusal(wanted: str, device: str, figures: Figures) -> str:
    asked = [d for d in figures.devices if not device or d.name == device]
    holds = [f"{d.name} holds {d.metric if d in figures.timed else 'limits only'}" for d in asked]
    others = [figure for d in asked for figure in times() if figure.objective == d.metric]
    instead = "choose another device"
    if others:
        instead = f"take the objective {others[0].objective} or `{others[0].bound}_{others[0].budget}`"
    return f"{', '.join(f'{text}, not {wanted}' for text in holds)}; {instead} (see 'vitnas devices')"
