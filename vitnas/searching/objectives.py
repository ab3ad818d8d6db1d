"""What a search optimises, by name, and the figures of the cost table that stand behind it."""

from __future__ import annotations

from collections.abc import Sequence

from vitnas.cost.figures import TIMES, Figures
from vitnas.errors import InvalidInput, unknown

QUALITY = "quality"
OBJECTIVES = {  # name -> figure of the cost table; quality is not a cost
    QUALITY: "",
    "latency": "latency_ms",
    "throughput": "throughput_per_s",
    "params": "params",
    "macs": "macs",
    "activations": "activations",
    "memory": "peak_bytes",
}
METRICS = {figure: metric for metric, figure in TIMES.items()}
INSTEAD = {
    "latency": "take the objective latency or --max-latency",
    "throughput": "take the objective throughput or --min-throughput",
}


def cost_of(objective: str) -> str:
    """The figure of an objective: ``latency@iphone12`` -> ``latency_ms@iphone12``; empty for quality."""
    name, at, device = objective.partition("@")
    return f"{OBJECTIVES[name]}{at}{device}"


def is_maximised(objective: str) -> bool:
    """Whether more of it is better: quality and throughput; everything else is to be small."""
    return objective.partition("@")[0] in (QUALITY, "throughput")


def resolve_objectives(asked: Sequence[str], figures: Figures) -> tuple[str, ...]:
    """The objectives of a run, one for each device where a time is asked for without naming one.

    Nothing asked is quality, every device's latency or throughput, and with one device params; with two they
    would make the front three times as long (efficientformer: 4,805 and 14,471 of 500,000) for as many files.
    Without a device that holds times: quality, macs, params.

    Raises:
        InvalidInput: an unknown objective, one that no device of the run holds, or the same one twice.
    """
    times = [_name(cost) for figure in METRICS for cost in figures.of(figure)]
    if not asked:
        rest = ["params"] if len(times) < 2 else []
        return (QUALITY, *(times or ["macs"]), *rest)
    found: list[str] = []
    for objective in asked:
        found += _resolved(objective, figures)
    if len(set(found)) != len(found):
        raise InvalidInput(f"an objective stands twice in {', '.join(asked)}")
    return tuple(found)


def _resolved(objective: str, figures: Figures) -> list[str]:
    name, _, device = objective.partition("@")
    if name not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    if name == QUALITY and not device:
        return [QUALITY]
    return [_name(cost) for cost in held(OBJECTIVES[name], device, figures, f"--objective {objective}")]


def _name(cost: str) -> str:
    figure, at, device = cost.partition("@")
    return next(name for name, known in OBJECTIVES.items() if known == figure) + at + device


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
    if figure not in METRICS:
        raise InvalidInput(
            f"{where}: '{figure or QUALITY}' is the same on every device; leave '{device}' out"
        )
    if not names:
        raise InvalidInput(f"{METRICS[figure]} needs a device: name one with --target (see 'vitnas devices')")
    raise InvalidInput(f"{where}: {_refusal(METRICS[figure], device, figures)}")


def _refusal(wanted: str, device: str, figures: Figures) -> str:
    asked = [d for d in figures.devices if not device or d.name == device]
    said = [f"{d.name} holds {d.metric if d.metric in TIMES else 'limits only'}, not {wanted}" for d in asked]
    instead = next((INSTEAD[d.metric] for d in asked if d.metric in TIMES), "choose another device")
    return f"{', '.join(said)}; {instead} (see 'vitnas devices')"
