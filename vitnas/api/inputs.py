"""What a keyword may be given, and the plain value that it becomes; everything else is one clear error."""

from __future__ import annotations

import contextlib
import difflib
import math
import os
import reprlib
import warnings
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, NoReturn

from vitnas.errors import InvalidInput, UnknownName
from vitnas.figures import format_quantity, limits, parse_quantity
from vitnas.formats.resolution import Resolution, read_resolution
from vitnas.units import BYTES, MILLISECONDS, parse_count, parse_duration, parse_pairs, split_number

Reader = Callable[[str, Any], Any]  # name of the keyword, what was given -> plain value


def read_all(readers: Mapping[str, Reader], given: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    """The keywords that were given, as plain values; None is as good as not given.

    Args:
        readers: keyword -> what reads it.
        given: keyword -> value.
        of: the function, for the error.

    Raises:
        UnknownName: a keyword is not known; suggests the closest one.
        InvalidInput: a value is of a wrong type or out of range; names the keyword.
    """
    for name in given:
        if name not in readers:
            close = difflib.get_close_matches(str(name), readers, n=1, cutoff=0.5)
            hint = f"did you mean `{close[0]}`?" if close else f"help(vitnas.{of}) lists them"
            raise UnknownName(f"{of}: unknown keyword `{name}`; {hint}")
    return {name: readers[name](name, value) for name, value in given.items() if value is not None}


def fail(name: str, expected: str, value: Any) -> NoReturn:
    """Raise the error for a value of a wrong type."""
    try:
        shown = reprlib.repr(value)
    except Exception:  # whatever the repr of somebody's object raises
        shown = "?"
    raise InvalidInput(
        f"`{name}`: expected {expected}, got {' '.join(shown.split())} ({type(value).__name__})"
    )


def text(name: str, value: Any) -> str:
    """A name."""
    if not isinstance(value, str) or not value.strip():
        fail(name, "a text", value)
    return value


def path(name: str, value: Any) -> str:
    """A file or folder."""
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(found, str) or not found.strip():
        fail(name, "a path", value)
    return found


def run(name: str, value: Any) -> str:
    """A run's folder, or a run; for labels also a table."""
    return path(name, getattr(value, "path", value))


def names(name: str, value: Any) -> tuple[str, ...]:
    """One name or path, or several."""
    if isinstance(value, str | os.PathLike):
        return (path(name, value),)
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        fail(name, "a name or a list of names", value)
    found = list(value)
    if not all(isinstance(entry, str | os.PathLike) for entry in found):
        fail(name, "a name or a list of names", value)
    return tuple(path(name, entry) for entry in found)


def joined(name: str, value: Any) -> str:
    """Devices as the command line has them: ``A,B``."""
    return ",".join(names(name, value))


def number(name: str, value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        fail(name, "a number", value)
    return float(value)


def whole(name: str, value: Any) -> int:
    """A whole number, such as 300, 2e6, "500k" or "2M"."""
    if isinstance(value, str):
        return parse_count(value, f"`{name}`")
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer():
        return int(float(value))
    fail(name, "a whole number such as 300, '500k' or '2M'", value)


def resolution(name: str, value: Any) -> Resolution:
    """A side such as 224, or height and width: ``"224x320"``, ``(224, 320)``."""
    whole_side = isinstance(value, Real) and not isinstance(value, Integral) and float(value).is_integer()
    return read_resolution(int(float(value)) if whole_side else value, f"`{name}`")


def seconds(name: str, value: Any) -> float:
    """A time: seconds, or a text such as ``90s``, ``2m`` or ``1h30m``."""
    if isinstance(value, str):
        found = parse_duration(value, f"`{name}`")
        if value.strip()[-1:].isdigit():
            warnings.warn(
                f"`{name}` {value.strip()} has no unit and is read as {found:g} s (such as 90s, 2m or 1h30m)",
                stacklevel=2,
            )
        return found
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        fail(name, "seconds above 0, or a time such as '90s', '2m' or '1h30m'", value)
    return float(value)


def switch(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):  # NumPy's as well
        fail(name, "True or False", value)
    return bool(value)


def pairs(name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """Options by name: a dict, or ``NAME=VALUE`` texts as the command line has them."""
    if not isinstance(value, Mapping):
        return tuple(parse_pairs(names(name, value), f"`{name}`").items())
    if not all(isinstance(key, str) and isinstance(own, str | Real) for key, own in value.items()):
        fail(name, "numbers or texts by name", value)
    return tuple(value.items())


def limit(name: str, value: Any) -> str:
    """A budget as the command line has it: ``1.6ms``, or ``A=1.6ms,B=3ms`` of a dict by device."""
    if not isinstance(value, Mapping):
        return quantity(name, value)
    if not value or not all(isinstance(device, str) and device.strip() for device in value):
        fail(name, "a limit for each device, such as {'iphone12': '1.6ms'}", value)
    return ",".join(f"{device}={quantity(name, own)}" for device, own in value.items())


def quantity(name: str, value: Any) -> str:
    """A number, or a text with a unit, as a text."""
    if isinstance(value, str) and value.strip():
        _say_unit(name, value)
        return value
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        fail(name, "a number, a text with a unit, or a dict by device", value)
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _say_unit(name: str, given: str) -> None:
    """Warn of a limit that is a bare number where several units are usual: which one was meant?"""
    figure, _ = limits().get(name, (None, ""))
    if figure is None or figure.quantity not in (MILLISECONDS, BYTES):
        return
    for part in given.split(",") if "=" in given else [given]:
        text = part.rpartition("=")[2]
        with contextlib.suppress(ValueError, InvalidInput):
            if not split_number(text)[1]:
                value = format_quantity(figure.key, parse_quantity(figure.key, text))
                say = f"`{name}` {text.strip()} has no unit and is read as {value} (such as {figure.example})"
                warnings.warn(say, stacklevel=2)
