"""Numbers as people and spreadsheets write them in a cell."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[-+]?\d*,\d+", re.ASCII)


def number_of(text: str) -> float:
    """The number of a text, finite.

    Raises:
        ValueError: it is none; says how to write it.
    """
    if not _NUMBER.fullmatch(text):
        hint = "write the number alone"
        if _COMMA.fullmatch(text):
            hint = f"write decimals with a point: {text.replace(',', '.')}"
        raise ValueError(f"{text!r:.60} is no number; {hint}")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.60} is no finite number")
    return value


def whole_of(text: str) -> int:
    """The whole number of a text.

    Raises:
        ValueError: it is none.
    """
    value = number_of(text)
    if not value.is_integer():
        raise ValueError(f"{text!r:.60} is no whole number")
    return int(value)
