"""Counts, speeds and times as people read them."""

from __future__ import annotations

import math

from vitnas.units import shortened


def count(value: int | float) -> str:
    """``2,000,000``; beyond a quadrillion ``4.5e+21``."""
    return f"{value:,.0f}" if value < 1e15 else shortened(int(value), 2)


def speed(per_second: float) -> str:
    """``204k/s``, ``3.2/s``, ``0.04/s``."""
    if per_second >= 1e6:
        return f"{per_second / 1e6:.2f}M/s"
    if per_second >= 1e4:
        return f"{per_second / 1e3:.0f}k/s"
    if per_second >= 100:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 1 or per_second == 0 else f"{per_second:.2g}/s"


def duration(seconds: float) -> str:
    """``0.4 s``, ``41 s``, ``2 min 05 s``, ``1 h 03 min``; ``?`` if unknown."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def ratio(ours: float, theirs: float) -> str:
    """``x1.083``."""
    return f"x{ours / theirs:.3f}" if theirs > 0 else "x?"


def share(part: float) -> str:
    """A share as a percentage that never rounds something to nothing or nearly all to all."""
    if part == 0 or part == 1:
        return f"{part:.0%}".replace("%", " %")
    percent = 100 * part
    if percent < 0.1:
        return f"{percent:.1g} %"
    return f"{min(percent, 99.9):.1f} %"
