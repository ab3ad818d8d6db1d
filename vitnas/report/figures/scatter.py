"""Predicted against true latencies as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitnas.errors import missing_extra
from vitnas.hardware.published.compare_file import HeldOut
from vitnas.store.disk import atomic_write

NAMED = 11  # families that get a colour; the others are grey
COLOURS = (
    "#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b",
    "#e377c2", "#17becf", "#bcbd22", "#000000", "#3b3bff",
)  # fmt: skip
MARKERS = "osD^v<>Pp*X"
GREY = "#9a9a9a"
SIZE_IN, DPI = (7.6, 5.3), 100
LEFT_IN, BOTTOM_IN, SIDE_IN = 0.75, 0.55, 4.4  # of the square; the legend takes what is right of it


def write_scatter(path: Path, held_out: Sequence[HeldOut], *, title: str, unit: str, digest: str) -> None:
    """Write a PNG; the same rows make the same bytes (with the same matplotlib).

    Args:
        path: of the PNG.
        held_out: at least one.
        title: above the plot.
        unit: of the times, for the axes.
        digest: of what is shown, kept in the picture's text under ``Description``.

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
        picture = Figure(SIZE_IN, dpi=DPI)
        axes = picture.add_axes(_square())
        _points(axes, held_out)
        _lines(axes, held_out)
        axes.set(title=title, xlabel=f"true {unit}", ylabel=f"predicted {unit}")
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1.02), fontsize=9, frameon=False, handletextpad=0.3
        )
        about = {"Software": None, "Description": digest}
        how: Any = {"format": "png", "metadata": about, "pil_kwargs": {"optimize": True}}
        atomic_write(path, lambda file: picture.savefig(file, **how))


def _square() -> tuple[float, float, float, float]:
    """Place of the plot in shares of the picture."""
    width, height = SIZE_IN
    return LEFT_IN / width, BOTTOM_IN / height, SIDE_IN / width, SIDE_IN / height


def _points(axes: Any, held_out: Sequence[HeldOut]) -> None:
    named = _named(held_out)
    for family, colour, marker in zip(named, COLOURS, MARKERS, strict=False):
        rows = [r for r in held_out if r.family == family]
        axes.scatter(*_xy(rows), s=34, c=colour, marker=marker, alpha=0.9, linewidths=0, label=family)
    rest = [r for r in held_out if r.family not in named]
    if rest:
        label = f"{len({r.family for r in rest})} other families" if named else None
        axes.scatter(*_xy(rest), s=22, c=GREY, alpha=0.8, linewidths=0, zorder=0.9, label=label)


def _named(held_out: Sequence[HeldOut]) -> list[str]:
    """All families if they are few, else those that are missed most."""
    errors: dict[str, list[float]] = {}
    for r in held_out:
        if r.family:
            errors.setdefault(r.family, []).append(abs(r.predicted_ms / r.true_ms - 1))
    ranked = sorted(errors, key=lambda family: (-float(np.mean(errors[family])), family))
    return sorted(ranked[:NAMED], key=str.lower)


def _xy(rows: Sequence[HeldOut]) -> tuple[list[float], list[float]]:
    return [r.true_ms for r in rows], [r.predicted_ms for r in rows]


def _lines(axes: Any, held_out: Sequence[HeldOut]) -> None:
    """Equality, 10 and 20 % either way, and both axes alike."""
    times = [ms for r in held_out for ms in (r.true_ms, r.predicted_ms)]
    low, high = min(times) / 1.25, max(times) * 1.25
    ends = np.array([low, high])
    axes.plot(ends, ends, color="black", linewidth=1, zorder=0)
    for share, style in ((0.1, "--"), (0.2, ":")):
        for factor in (1 - share, 1 + share):
            label = f"±{100 * share:.0f} %" if factor > 1 else None
            axes.plot(ends, factor * ends, style, color="#555555", linewidth=1, zorder=0, label=label)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.grid(visible=True, which="major", color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        _ticks(axis, high / low)


def _ticks(axis: Any, span: float) -> None:
    """Plain figures at 1, 2 and 5, or all of a short axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axis.set_major_locator(MaxNLocator(6) if span < 5 else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
