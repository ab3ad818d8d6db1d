"""Numbers, times and pairs as people type them."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable

from vitnas.errors import InvalidInput
from vitnas.units import parse_count

__all__ = ["parse_count", "parse_duration", "parse_pairs"]

_TIMES = re.compile(r"(\d+\.?\d*)\s*(h|min|m|s)?\s*", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}


def parse_duration(text: str, where: str) -> float:
    """``90s``, ``2m``, ``1h30m`` or a bare number of seconds, in seconds above 0.

    Raises:
        InvalidInput: it is none.
    """
    parts = _TIMES.findall(text)
    whole = "".join(match[0] for match in _TIMES.finditer(text)) == text
    bare = [number for number, unit in parts if not unit]
    seconds = sum(float(number) * _SECONDS[unit.lower() or "s"] for number, unit in parts)
    if not whole or not (0 < seconds < math.inf) or (bare and len(parts) > 1):
        raise InvalidInput(f"{where}: '{text}' is not a time above 0 (write 90s, 2m or 1h30m)")
    return seconds


def parse_pairs(given: Iterable[str], where: str) -> dict[str, int | float | bool | str]:
    """``NAME=VALUE`` texts; a value that is a number, true or false becomes one.

    Raises:
        InvalidInput: a text is no such pair, or a name stands twice; says all that is wrong.
    """
    found, wrong = dict[str, int | float | bool | str](), list[str]()
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        if not (name and equals and value):
            wrong.append(f"'{text}' is not NAME=VALUE")
        elif name in found:
            wrong.append(f"'{name}' stands twice")
        found[name] = _scalar(value)
    if wrong:
        raise InvalidInput(f"{where}: {'; '.join(wrong)}")
    return found


def _scalar(text: str) -> int | float | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
