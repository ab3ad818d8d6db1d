"""The figures of a network: what it costs, in one table.

An entry says how a figure comes about, how people read and write it, and what its budget and objective are
called. Budgets, objectives, axes, columns and options follow from the table, so that a new cost is one entry:

    FIGURES["flash_bytes"] = Figure(
        *("flash_bytes", "flash", "flash"), about="Flash memory that weights take", quantity=BYTES,
        units="kB or MB", example="2MB", axis=Axis("flash", "MiB", 2.0**20, 1),
        of_call=lambda costs, call: costs["params"] * call.bytes_per_element,
    )
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from vitnas.errors import InvalidBudget, unknown
from vitnas.units import BYTES, COUNT, MILLISECONDS, PER_SECOND, Unit, split_number

PEAK = "peak_bytes"
PEAK_ELEMENTS = "peak_elements"  # most elements of one image's activations that are alive at once


@dataclass(frozen=True)
class Call:
    """What a network runs with.

    Attributes:
        bytes_per_element: of weights and activations.
        images: in a call.
        device: on which; None where there is none.
    """

    bytes_per_element: int
    images: int
    device: Any = None


@dataclass(frozen=True)
class Axis:
    """How the values of something are shown in a column or along an axis.

    Attributes:
        title: what it is, without its unit.
        unit: of the printed numbers; empty for a plain number.
        scale: printed number = value / scale.
        decimals: of a printed number in a table.
        more_is_better: it is maximised.
    """

    title: str
    unit: str = ""
    scale: float = 1.0
    decimals: int = 2
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


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        key: its name in the cost table, which ends with the base unit.
        objective: its name as an objective; for a time also the metric of the devices that hold it.
        budget: its name in a budget: ``max_<budget>`` and ``min_<budget>``.
        about: what it is, in words.
        quantity: how it is read and written.
        units: what may follow a number, in words.
        example: of a limit.
        nouns: words that may follow the unit, such as ``MACs``.
        axis: how it stands in tables and plots.
        drop: columns with the highest go first where a table has no room.
        shown: whether fronts and families have a column of it even if it is no objective.
        whole: its values are whole numbers.
        of_trace: from the trace of a block; a network's figure is the sum over its blocks.
        of_call: from the other figures of a network (arrays, by name) and what it runs with; with several
            devices it is then one figure on each, and its plain name is the worst of them.
            With neither, it is a time of the devices whose metric is ``objective``.
    """

    key: str
    objective: str
    budget: str
    about: str
    quantity: Unit
    units: str
    example: str
    axis: Axis
    nouns: tuple[str, ...] = ()
    drop: int = 50
    shown: bool = True
    whole: bool = True
    of_trace: Callable[[Any], float] | None = None
    of_call: Callable[[Mapping[str, Any], Call], Any] | None = None

    @property
    def is_time(self) -> bool:
        """Whether devices hold it."""
        return self.of_trace is None and self.of_call is None

    @property
    def bound(self) -> str:
        """The side on which it is usually limited."""
        return "min" if self.axis.more_is_better else "max"

    def factor(self, unit: str) -> float | None:
        """Size of a unit in the base unit; None for one that does not fit."""
        small = unit.lower().replace("µ", "u").replace("μ", "u")
        noun = next((noun for noun in self.nouns if small.endswith(noun)), "")
        small = small.removesuffix(noun)
        return self.quantity.factors.get(small) if small else 1.0


FIGURES = {
    figure.key: figure
    for figure in (
        Figure(
            *("latency_ms", "latency", "latency"),
            about="Latency",
            quantity=MILLISECONDS,
            units="ns, us, ms or s",
            example="1.6ms",
            axis=Axis("latency", "ms"),
            whole=False,
        ),
        Figure(
            *("throughput_per_s", "throughput", "throughput"),
            about="Images a second",
            quantity=PER_SECOND,
            units="a number of images a second (5k, 5000/s)",
            example="5000",
            nouns=("images/s", "img/s", "/s"),
            axis=Axis("throughput", "images/s", decimals=0, more_is_better=True),
            whole=False,
        ),
        Figure(
            *("params", "params", "params"),
            about="Parameters",
            quantity=COUNT,
            units="K, M or B",
            example="13M",
            nouns=("params", "parameters"),
            axis=Axis("params", "M", 1e6),
            drop=20,
            of_trace=attrgetter("params"),
        ),
        Figure(
            *("macs", "macs", "macs"),
            about="Multiply-accumulates of one image",
            quantity=COUNT,
            units="M, G or T",
            example="1.3G",
            nouns=("macs", "mac"),
            axis=Axis("MACs", "G", 1e9, 3),
            drop=40,
            of_trace=attrgetter("macs"),
        ),
        Figure(
            *("activations", "activations", "activations"),
            about="Output elements of an image's convolutions and matrix products",
            quantity=COUNT,
            units="K or M",
            example="5M",
            nouns=("activations",),
            axis=Axis("activations", "M", 1e6),
            shown=False,
            of_trace=attrgetter("activations"),
        ),
        Figure(
            *(PEAK, "memory", "activation_memory"),
            about="Peak memory of a call's activations (it grows with the batch; devices may have limits)",
            quantity=BYTES,
            units="B, kB, MB, GB, KiB, MiB or GiB",
            example="2MiB",
            axis=Axis("memory", "MiB", 2.0**20, 1),
            drop=60,
            of_call=lambda costs, call: costs[PEAK_ELEMENTS] * (call.bytes_per_element * call.images),
        ),
    )
}


def split_cost(cost: str) -> tuple[str, str]:
    """``latency_ms@iphone12`` as figure and device; the device is empty where none is named."""
    figure, _, device = cost.partition("@")
    return figure, device


def figure_of(cost: str) -> Figure:
    """The figure of a cost, with or without a device.

    Raises:
        UnknownName: there is none.
    """
    key, _ = split_cost(cost)
    if key not in FIGURES:
        raise unknown("cost", key, FIGURES)
    return FIGURES[key]


def times() -> list[Figure]:
    """The figures that devices hold."""
    return [figure for figure in FIGURES.values() if figure.is_time]


def limits() -> dict[str, tuple[Figure, str]]:
    """Setting of every budget, such as ``max_latency``, -> figure and side; the usual sides come first."""
    usual = [(figure, figure.bound) for figure in FIGURES.values()]
    other = [(figure, "min" if bound == "max" else "max") for figure, bound in usual]
    return {f"{side}_{figure.budget}": (figure, side) for figure, side in usual + other}


def parse_quantity(cost: str, text: str | float, *, where: str = "") -> float:
    """The value of ``text`` in the base unit of ``cost``.

    Args:
        cost: a key of `FIGURES`, with or without a device.
        text: number with or without a unit; upper and lower case are the same.
        where: what to name in errors, such as "`max_latency`".

    Raises:
        UnknownName: no such cost.
        InvalidBudget: not a positive, finite number with a unit of this cost.
    """
    figure = figure_of(cost)
    prefix, write = f"{where}: " if where else "", f"(write {figure.units}, such as {figure.example})"
    try:
        number, unit = split_number(str(text))
    except ValueError as problem:
        raise InvalidBudget(f"{prefix}'{text!s:.60}' {problem} {write}") from None
    factor = figure.factor(unit)
    if factor is None:
        raise InvalidBudget(f"{prefix}'{text}': unknown unit '{unit:.40}' {write}")
    value = float(number) * factor
    if not (value > 0 and math.isfinite(value)):
        raise InvalidBudget(f"{prefix}'{text}' must be above 0 and finite {write}")
    return value


def format_quantity(cost: str, value: float) -> str:
    """``value`` in the base unit of ``cost``, for people: ``1.60 ms``, ``3.60 M``, ``2.0 MiB``."""
    return "unknown" if math.isnan(value) else figure_of(cost).quantity.write(value)
