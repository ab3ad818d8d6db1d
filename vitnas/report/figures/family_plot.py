"""A family of networks as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitnas.errors import missing_extra
from vitnas.report.figures.front_plot import SIZE_IN, new_axes
from vitnas.report.terminal.axes import cost_axis
from vitnas.report.terminal.family_table import CAPACITY, across, points_of
from vitnas.store.disk import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
OURS, THEIRS = "#1f77b4", "#d62728"


def write_family_plot(path: Path, family: Mapping[str, Any]) -> None:
    """Write a PNG: capacity against latency, or against parameters without a device.

    Args:
        path: of the PNG.
        family: the document of ``family.json``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RunError: the file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "text.parse_math": False, "font.size": 11}):
        picture = Figure(SIZE_IN, dpi=DPI, layout="constrained")
        draw_family(family, picture.subplots())
        atomic_write(path, lambda file: picture.savefig(file, format="png", metadata={"Software": None}))


def draw_family(family: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Capacity against latency, or against parameters without a device.

    Args:
        family: the document of ``family.json``.
        axes: to draw on; None for new ones.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    axes = new_axes() if axes is None else axes
    cost = across(family)
    title = f"{family['seed']['name']}, rule {family['rule']}"
    for label, rows, colour, marker in (
        (title, family["members"], OURS, "o-"),
        ("published", family["references"], THEIRS, "D--"),
    ):
        points = sorted(points_of(cost, rows), key=lambda point: point[1])
        if not points:
            continue
        axes.plot([x for _, x, _ in points], [y for _, _, y in points], marker, color=colour, label=label)
        for name, x, y in points:
            axes.annotate(name, (x, y), xytext=(6, -4), textcoords="offset points", fontsize=9)
    axes.set(xlabel=cost_axis(cost).label, ylabel=f"{CAPACITY.label} (from shapes, not an accuracy)")
    axes.margins(x=0.1)  # room for the names
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.7)
    axes.legend(frameon=False, fontsize=9)
    return axes
