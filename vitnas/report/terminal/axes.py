"""How objectives and costs are named and scaled where people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vitnas.units import split_cost


@dataclass(frozen=True)
class Axis:
    """One figure of a network as a column or an axis.

    Attributes:
        title: what it is, without its unit.
        unit: of the printed numbers; empty for a plain number.
        scale: printed number = value / scale.
        decimals: of a printed number in a table.
        cost: key of ``Member.costs``; empty for the quality.
        more_is_better: it is maximised.
    """

    title: str
    unit: str
    scale: float
    decimals: int
    cost: str
    more_is_better: bool = False

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} {self.unit}".rstrip()

    def text(self, value: float | int | None) -> str:
        """A value in the printed unit; a dash where there is none."""
        if value is None or value != value:
            return "-"
        scaled = value / self.scale
        if self.scale > 1 and 0 < abs(scaled) < 5 * 10.0**-self.decimals:
            return f"{scaled:.2g}"  # a tiny network still has some parameters
        return f"{scaled:.{self.decimals}f}"


AXES = {  # objective -> how it is shown
    "quality": Axis("quality", "", 1.0, 3, "", more_is_better=True),
    "latency": Axis("latency", "ms", 1.0, 2, "latency_ms"),
    "throughput": Axis("throughput", "images/s", 1.0, 0, "throughput_per_s", more_is_better=True),
    "params": Axis("params", "M", 1e6, 2, "params"),
    "macs": Axis("MACs", "G", 1e9, 3, "macs"),
    "activations": Axis("activations", "M", 1e6, 2, "activations"),
    "memory": Axis("memory", "MiB", 2.0**20, 1, "peak_bytes"),
}
_ACROSS = ("latency", "throughput")  # what is drawn across, if it is there


def axis_of(objective: str) -> Axis:
    """How an objective is shown; one of a device, such as ``latency@iphone12``, with the device's name."""
    name, _, device = objective.partition("@")
    return _of_device(AXES[name], device)


def cost_axis(cost: str) -> Axis:
    """How a figure of the cost table is shown."""
    figure, device = split_cost(cost)
    return _of_device(next(axis for axis in AXES.values() if axis.cost == figure), device)


def _of_device(axis: Axis, device: str) -> Axis:
    if not device:
        return axis
    return replace(axis, title=f"{axis.title} {device}", cost=f"{axis.cost}@{device}")


def plot_axes(objectives: Sequence[str]) -> tuple[str, str] | None:
    """The objectives to draw across and up: a time or the first cost, and quality or the next cost.

    None with fewer than two objectives.
    """

    def rank(objective: str) -> int:
        name = objective.partition("@")[0]
        return _ACROSS.index(name) if name in _ACROSS else len(_ACROSS)

    costs = sorted((name for name in objectives if name != "quality"), key=rank)
    ups = [name for name in objectives if name == "quality"] + costs[1:]
    return (costs[0], ups[0]) if costs and ups else None
