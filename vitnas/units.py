"""Values as people write them: ``1.6ms``, ``13M``, ``2MiB``, ``1h30m``, ``NAME=VALUE``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from vitnas.errors import InvalidInput

LARGEST_FLOAT = 10**300
LARGEST_COUNT = 10**15
_GROUPED = r"\d{1,3}(?:,\d{3})+|\d{1,3}(?:_\d{3})+"
_NUMBER = re.compile(
    rf"([-+]?(?:(?:{_GROUPED}|\d+)(?:\.\d*)?|\.\d+)(?:e[-+]?\d{{1,4}})?)\s*([^\d\s.,_]\S*)?",
    re.IGNORECASE | re.ASCII,
)
_TIMES = re.compile(r"(\d+\.?\d*)\s*(h|min|m|s)?\s*", re.IGNORECASE | re.ASCII)
_NUMERIC = re.compile(r"[-+]?[\d.,_]*\d[\d.,_]*(?:e[-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True)
class Unit:
    """How one kind of quantity is read and written.

    Attributes:
        factors: unit in lower case -> its size in the base unit.
        write: a value in the base unit, for people.
        metavar: what stands for a value in the help of an option.
    """

    factors: Mapping[str, float]
    write: Callable[[float], str]
    metavar: str = "NUMBER"


def _time(value_ms: float) -> str:
    if abs(value_ms) >= 1000:
        return f"{value_ms / 1000:.2f} s"
    if 0 < abs(value_ms) < 0.1:
        return f"{value_ms * 1000:.3g} us"
    return f"{value_ms:.2f} ms"


def _bytes(value: float) -> str:
    for name, size in (("GiB", 1024.0**3), ("MiB", 1024.0**2), ("KiB", 1024.0)):
        if abs(value) >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.0f} B"


def _count(value: float) -> str:
    for name, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(value) >= size * 0.9995:  # 999,999 is 1.00 M, not 1000 K
            return f"{value / size:#.3g} {name}".replace(". ", " ")
    return f"{value:.0f}"


_SIZES = {
    f"{prefix}{suffix}": float(base**power)
    for power, prefix in enumerate("kmg", start=1)
    for suffix, base in (("b", 1000), ("ib", 1024))
}
MILLISECONDS = Unit({"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}, _time, "TIME")
BYTES = Unit({"b": 1.0} | _SIZES, _bytes, "SIZE")
COUNT = Unit({"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}, _count)
PER_SECOND = Unit(COUNT.factors, lambda value: f"{_count(value)}/s")


def percent(share: float) -> str:
    """A share in whole percent, below one with one digit: an error of 0.4 % is not none."""
    return f"{100 * share:.0f}" if share >= 0.0095 or share <= 0 else f"{100 * share:.1g}"


def shortened(value: int, digits: int = 3) -> str:
    """A whole number of any size in a few digits: ``1.2e+230``; spaces hold more points than a float can."""
    return f"{value:.{digits}g}" if value < LARGEST_FLOAT else f"{Decimal(value):.{digits}g}"


def for_json(value: int) -> int | str:
    """A whole number as JSON's readers can take it: shortened where no float holds it."""
    return value if value < LARGEST_FLOAT else shortened(value)


def parse_count(text: str, where: str) -> int:
    """``300``, ``500k`` or ``2M`` as a whole number of at least 1.

    Raises:
        InvalidInput: it is none.
    """
    hint = "write 300, 500k or 2M"
    try:
        number, unit = split_number(text)
    except ValueError as problem:
        raise InvalidInput(f"{where}: '{text:.60}' {problem} ({hint})") from None
    value = number * int(COUNT.factors.get(unit.lower(), 0) if unit else 1)
    if not (1 <= value <= LARGEST_COUNT and value == int(value)):
        raise InvalidInput(f"{where}: '{text:.60}' is not a whole number of at least 1 ({hint})")
    return int(value)


def split_number(text: str) -> tuple[Decimal, str]:
    """Number and unit of a text; every count and quantity is read by this rule.

    A comma or an underscore separates thousands where every group behind it has three digits, and no unit,
    decimal point or exponent leaves a doubt.

    Raises:
        ValueError: it is no number with a unit, or one that people read differently.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        problem = (
            "has a comma that is no thousands separator" if "," in text else "is not a number with a unit"
        )
        raise ValueError(problem)
    digits, unit = match[1], match[2] or ""
    if "," in digits and (unit or re.search(r"[.e]", digits, re.IGNORECASE)):
        raise ValueError("may have a decimal comma or a thousands separator; write neither")
    return Decimal(digits.replace(",", "").replace("_", "")), unit


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
        try:
            found[name] = _scalar(value)
        except ValueError as problem:
            wrong.append(f"'{value:.60}' {problem}")
    if wrong:
        raise InvalidInput(f"{where}: {'; '.join(wrong)}")
    return found


def _scalar(text: str) -> int | float | bool | str:
    """The value of a text.

    Raises:
        ValueError: it looks like a number and is none.
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if not _NUMERIC.fullmatch(text):
        return text
    number, _ = split_number(text)
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("is too large")
    return int(number) if re.fullmatch(r"[-+]?[\d,_]+", text) else value
