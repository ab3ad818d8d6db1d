"""How objectives and costs are named and scaled where people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """One figure of a network as a column or an axis.

    Attributes:
        title: what it is, without its unit.
        unit: of the printed numbers; empty for a plain number.
        scale: printed number = value / scale.
        decimals: of a printed number in a table.
        cost: key of ``Member.costs``; empty for the quality.
    """

    title: str
    unit: str
    scale: float
    decimals: int
    cost: str

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
    "quality": Axis("quality", "", 1.0, 3, ""),
    "latency": Axis("latency", "ms", 1.0, 2, "latency_ms"),
    "params": Axis("params", "M", 1e6, 2, "params"),
    "macs": Axis("MACs", "G", 1e9, 3, "macs"),
    "activations": Axis("activations", "M", 1e6, 2, "activations"),
    "memory": Axis("memory", "MiB", 2.0**20, 1, "peak_bytes"),
}


def plot_axes(objectives: Sequence[str]) -> tuple[str, str] | None:
    """The objectives to draw across and up: latency or the first cost, and quality or the next cost.

    None with fewer than two objectives.
    """
    costs = sorted((name for name in objectives if name != "quality"), key=lambda name: name != "latency")
    ups = [name for name in objectives if name == "quality"] + costs[1:]
    return (costs[0], ups[0]) if costs and ups else None


def cost_axis(cost: str) -> Axis:
    """How a figure of the cost table is shown."""
    return next(axis for axis in AXES.values() if axis.cost == cost)
