"""Quantities as people write them: ``1.6ms``, ``13M``, ``650 MMACs``, ``2MiB``, ``5000/s``.

A bare number is in the base unit that stands in the cost's name: milliseconds, bytes, images a second, or a
plain count. A cost may name a device behind an ``@``: ``latency_ms@iphone12``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from vitnas.errors import InvalidBudget, InvalidInput, unknown

_TIME_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
_BYTES = {"b": 1.0} | {
    f"{prefix}{suffix}": float(base**power)
    for power, prefix in enumerate("kmg", start=1)
    for suffix, base in (("b", 1000), ("ib", 1024))
}
_COUNT = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
UNITS: dict[str, Mapping[str, float]] = {
    "latency_ms": _TIME_MS,
    "throughput_per_s": _COUNT,
    "peak_bytes": _BYTES,
    "params": _COUNT,
    "macs": _COUNT,
    "activations": _COUNT,
}
_VALID = {
    "latency_ms": "ns, us, ms or s, such as 1.6ms",
    "throughput_per_s": "images a second, such as 5000, 5k or 5000/s",
    "peak_bytes": "B, kB, MB, GB, KiB, MiB or GiB, such as 2MiB",
    "params": "K, M or B, such as 13M",
    "macs": "M, G or T, such as 1.3G",
    "activations": "K or M, such as 5M",
}
_NOUNS = {
    "params": ("params", "parameters"),
    "macs": ("macs", "mac"),
    "activations": ("activations",),
    "throughput_per_s": ("images/s", "img/s", "/s"),
}
_WHOLE = re.compile(r"(\d[\d_,]*\.?\d*(?:e\d+)?)([kmg]?)", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([^\d\s.]*)\s*", re.IGNORECASE)


def split_cost(cost: str) -> tuple[str, str]:
    """``latency_ms@iphone12`` as figure and device; the device is empty where none is named."""
    figure, _, device = cost.partition("@")
    return figure, device


def parse_quantity(cost: str, text: str | float, *, where: str = "") -> float:
    """The value of ``text`` in the base unit of ``cost``.

    Args:
        cost: a key of ``UNITS``, with or without a device.
        text: number with or without a unit; upper and lower case are the same.
        where: what to name in errors, such as ``--max-latency``.

    Raises:
        UnknownName: no such cost.
        InvalidBudget: not a positive, finite number with a unit of this cost.
    """
    cost, _ = split_cost(cost)
    if cost not in UNITS:
        raise unknown("cost", cost, UNITS)
    prefix = f"{where}: " if where else ""
    match = _NUMBER.fullmatch(str(text))
    if match is None:
        raise InvalidBudget(f"{prefix}'{text}' is not a number with a unit (write {_VALID[cost]})")
    number, unit = float(match[1]), match[2]
    factor = _factor(cost, unit)
    if factor is None:
        raise InvalidBudget(f"{prefix}'{text}': unknown unit '{unit}' (write {_VALID[cost]})")
    value = number * factor
    if not (value > 0 and math.isfinite(value)):
        raise InvalidBudget(f"{prefix}'{text}' must be above 0 and finite (write {_VALID[cost]})")
    return value


def _factor(cost: str, unit: str) -> float | None:
    small = unit.lower().replace("µ", "u").replace("μ", "u")
    if not small:
        return 1.0
    for noun in _NOUNS.get(cost, ()):
        if small.endswith(noun):
            small = small.removesuffix(noun)
            break
    return 1.0 if not small else UNITS[cost].get(small)


def format_quantity(cost: str, value: float) -> str:
    """``value`` in the base unit of ``cost``, for people: ``1.60 ms``, ``3.60 M``, ``2.0 MiB``."""
    cost, _ = split_cost(cost)
    if math.isnan(value):
        return "unknown"
    if cost == "latency_ms":
        return _time(value)
    if cost == "peak_bytes":
        for name, size in (("GiB", 1024.0**3), ("MiB", 1024.0**2), ("KiB", 1024.0)):
            if abs(value) >= size:
                return f"{value / size:.1f} {name}"
        return f"{value:.0f} B"
    per = "/s" if cost == "throughput_per_s" else ""
    for name, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(value) >= size * 0.9995:  # 999,999 is 1.00 M, not 1000 K
            return f"{value / size:#.3g} {name}{per}".replace(". ", " ")
    return f"{value:.0f}{per}"


def _time(value_ms: float) -> str:
    if abs(value_ms) >= 1000:
        return f"{value_ms / 1000:.2f} s"
    if 0 < abs(value_ms) < 0.1:
        return f"{value_ms * 1000:.3g} us"
    return f"{value_ms:.2f} ms"


def parse_count(text: str, where: str) -> int:
    """``300``, ``500k`` or ``2M`` as a whole number of at least 1.

    Raises:
        InvalidInput: it is none.
    """
    match = _WHOLE.fullmatch(text.strip())
    digits = match[1].replace(",", "").replace("_", "") if match else "nan"
    value = float(digits) * _FACTORS[match[2].lower() if match else ""]
    if not (math.isfinite(value) and value >= 1 and value == round(value)):
        raise InvalidInput(f"{where}: '{text}' is not a whole number of at least 1 (write 300, 500k or 2M)")
    return round(value)
