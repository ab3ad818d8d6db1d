"""Which rows of a table are looked at apart: groups that its space names, and bands of parameters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.check.agreement import MIN_ROWS
from vitnas.errors import InvalidInput
from vitnas.figures import parse_quantity

ROWS_A_BAND = 20  # of those that the proxies are measured on
MAX_BANDS = 4
HEADROOM = 1.0 + 1e-9


@dataclass(frozen=True)
class Part:
    """Rows that are compared among themselves.

    Attributes:
        group: value of the space's group column; empty for all of them.
        band: of parameters, such as ``15M-19M``; empty for all of them.
        rows: (n,) which rows belong to it.
    """

    group: str
    band: str
    rows: NDArray[np.bool_]


def parts(
    groups: Sequence[str], params: NDArray[np.float64], bands: Sequence[tuple[float, float]]
) -> list[Part]:
    """The whole set, then its groups if there are several, then its bands."""
    everything = np.ones(len(params), dtype=np.bool_)
    names = sorted(set(groups))
    found = [Part("", "", everything)]
    if len(names) > 1:
        labels = np.array(groups)
        found += [Part(name, "", labels == name) for name in names]
    found += [Part("", band_name(low, high), (params >= low) & (params < high)) for low, high in bands]
    return found


def band_name(low: float, high: float) -> str:
    """``15M-19M``."""
    return f"{_short(low)}-{_short(high)}"


def _short(params: float) -> str:
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if params >= factor:
            return f"{params / factor:.4g}{unit}"
    return f"{params:.4g}"


def read_bands(text: str) -> list[tuple[float, float]]:
    """``15M-19M,19M-25M`` as pairs of parameter counts; the upper end does not belong to a band.

    Raises:
        InvalidInput: not so written, or a band's end is not above its beginning.
    """
    bands = []
    for piece in filter(None, (p.strip() for p in text.split(","))):
        ends = piece.split("-")
        if len(ends) != 2:
            raise InvalidInput(f"`bands`: '{piece}' is not LOW-HIGH, such as 15M-19M")
        low, high = (parse_quantity("params", end, where="`bands`") for end in ends)
        if low >= high:
            raise InvalidInput(f"`bands`: '{piece}' ends before it begins")
        bands.append((low, high))
    if not bands:
        raise InvalidInput("`bands` names no band; write LOW-HIGH, such as 15M-19M")
    return bands


def even_bands(params: NDArray[np.float64], measured: int) -> list[tuple[float, float]]:
    """Bands of about as many rows each, so that some 20 of the ``measured`` ones are in each.

    Args:
        params: of all rows (n,).
        measured: how many of them the proxies see.

    Returns:
        at most four; none if they would be too small, or if the rows hardly differ.
    """
    number = min(MAX_BANDS, measured // ROWS_A_BAND)
    if number < 2:
        return []
    inner = np.quantile(params, np.arange(1, number) / number)
    edges = [_rounded(edge) for edge in (params.min(), *inner, params.max() * HEADROOM)]
    edges[0], edges[-1] = _outwards(params)
    pairs = list(itertools.pairwise(edges))
    counts = [int(((params >= low) & (params < high)).sum()) for low, high in pairs]
    return pairs if min(counts) >= MIN_ROWS else []


def _rounded(value: float, digits: int = 3) -> float:
    return float(f"{value:.{digits - 1}e}")


def _outwards(params: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of three digits that hold all rows."""
    low, high = _rounded(params.min()), _rounded(params.max())
    step_low, step_high = (10.0 ** (np.floor(np.log10(v)) - 2) for v in (low, high))
    low = low - step_low if low > params.min() else low
    high = high + step_high if high <= params.max() else high
    return _rounded(low, 4), _rounded(high, 4)
