"""Tau of every proxy in every space as a picture, counts as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitnas.errors import missing_extra
from vitnas.report.pages.proxy_results import Entry, Results
from vitnas.store.disk import atomic_write

LINES = {
    "params": ("#1f77b4", "--"),
    "macs": ("#9467bd", "-."),
    "depth": ("#2ca02c", ":"),
    "capacity": ("#d62728", "-"),
}
DOT = "#333333"
COLUMNS = 4
PANEL_IN, ROW_IN, LEFT_IN, EDGE_IN = 2.6, 0.21, 1.75, 0.75
DPI = 100


def write_plot(path: Path, results: Results) -> None:
    """Write a PNG with a panel for each check; the same results make the same bytes (with one matplotlib).

    Scores stand in the order of their mean tau. A dot is tau, a bar its 95 % interval.

    Raises:
        MissingExtra: matplotlib is not installed.
        RunError: the file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None
    names = ranked_names(results)
    columns = min(COLUMNS, len(results.checks))
    rows = -(-len(results.checks) // columns)
    size = (LEFT_IN + PANEL_IN * columns, rows * (ROW_IN * len(names) + EDGE_IN) + EDGE_IN / 2)
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "text.parse_math": False, "font.size": 9}):
        picture = Figure(size, dpi=DPI, layout="constrained")
        grid = picture.subplots(rows, columns, sharey=True, squeeze=False)
        panels = list(grid.flat)
        for axes, check in zip(panels, results.checks, strict=False):
            _panel(axes, check, names)
        for axes in panels[len(results.checks) :]:
            axes.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        picture.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        about = {"Software": None, "Description": results.digest}
        how: Any = {"format": "png", "metadata": about, "pil_kwargs": {"optimize": True}}
        atomic_write(path, lambda file: picture.savefig(file, **how))


def ranked_names(results: Results) -> list[str]:
    """Names of the proxies and of sums of them, the highest mean tau first."""
    taus: dict[str, list[float]] = {}
    for check in results.checks:
        for entry in check["proxies"]:
            if entry["kind"] == "proxy":
                taus.setdefault(entry["proxy"], []).extend([] if entry["tau"] is None else [entry["tau"]])
    return sorted(taus, key=lambda name: (-_mean(taus[name]), name))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else -math.inf


def _panel(axes: Any, check: Mapping[str, Any], names: Sequence[str]) -> None:
    entries: dict[str, Entry] = {entry["proxy"]: entry for entry in check["proxies"]}
    for name, (colour, style) in LINES.items():
        tau = entries[name]["tau"] if name in entries else None
        if tau is not None:
            axes.axvline(tau, color=colour, linestyle=style, linewidth=1.3, label=name)
    axes.axvline(0, color="#999999", linewidth=0.8)
    places = [k for k, name in enumerate(names) if name in entries and entries[name]["tau"] is not None]
    found = [entries[names[k]] for k in places]
    ends = [(e["tau_low"], e["tau_high"]) for e in found]
    for k, (low, high) in zip(places, ends, strict=True):
        if low is not None and high is not None:
            axes.plot([low, high], [k, k], color=DOT, linewidth=1.4, solid_capstyle="butt")
    axes.plot([e["tau"] for e in found], places, "o", color=DOT, markersize=4.5)
    axes.set(title=f"{check['space']}\n{check['label']}, n = {check['sample']}", xlim=(-1, 1), xlabel="tau")
    axes.title.set_fontsize(9)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.grid(visible=True, axis="both", color="#ececec", linewidth=0.7)
    axes.set_axisbelow(True)
