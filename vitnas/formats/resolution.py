"""The resolution of images: how it is given, kept, written and shown, everywhere.

It is the side of a square, or height and width in this order: ``224``, ``"224x320"``, ``[224, 320]`` and
``(224, 320)`` are read; an int, or a pair where the sides differ, is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from vitnas.errors import InvalidInput

Resolution = int | tuple[int, int]  # a side in px; (height, width) where they differ
LARGEST = 100_000  # px of a side
_TEXT = re.compile(r"([1-9]\d{0,5})(?:\s*[xX×]\s*([1-9]\d{0,5}))?", re.ASCII)


def parse_resolution(value: Any) -> Resolution:
    """A resolution as people and files give it.

    Raises:
        ValueError: it is none; says what was expected.
    """
    found = _sides(value)
    if found is None or not all(1 <= side <= LARGEST for side in found):
        raise ValueError(
            f"expected a side such as 224, or height and width such as 224x320, 1 to {LARGEST:,} px each, "
            f"got {value!r:.60}"
        )
    height, width = found
    return height if height == width else (height, width)


def _sides(value: Any) -> tuple[int, int] | None:
    """Height and width; None if it is no resolution."""
    if isinstance(value, str):
        match = _TEXT.fullmatch(value.strip())
        return (int(match[1]), int(match[2] or match[1])) if match else None
    pair = list(value) if isinstance(value, Sequence) and not isinstance(value, bytes) else [value, value]
    if len(pair) != 2 or not all(isinstance(s, Integral) and not isinstance(s, bool) for s in pair):
        return None
    return int(pair[0]), int(pair[1])


def read_resolution(value: Any, where: str) -> Resolution:
    """`parse_resolution`, with the place that the value is from in the error.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return parse_resolution(value)
    except ValueError as problem:
        raise InvalidInput(f"{where}: {problem}") from None


def sides_px(resolution_px: Resolution) -> tuple[int, int]:
    """Height and width."""
    return (resolution_px, resolution_px) if isinstance(resolution_px, int) else resolution_px


def is_square(resolution_px: Resolution) -> bool:
    """Whether height and width are the same."""
    return isinstance(resolution_px, int)


def pixels(resolution_px: Resolution) -> int:
    """Of an image."""
    height, width = sides_px(resolution_px)
    return height * width


def by_pixels(resolution_px: Resolution) -> tuple[int, int]:
    """The key by which resolutions are ordered."""
    return pixels(resolution_px), sides_px(resolution_px)[0]


def square_side(resolution_px: Resolution) -> float:
    """Side of the square with as many pixels."""
    return resolution_px if isinstance(resolution_px, int) else math.sqrt(pixels(resolution_px))


def least_and_most(resolutions_px: Iterable[Resolution]) -> tuple[Resolution, Resolution]:
    """By their pixels; (0, 0) of none."""
    ordered = sorted(resolutions_px, key=by_pixels)
    return (ordered[0], ordered[-1]) if ordered else (0, 0)


def as_scalar(resolution_px: Resolution) -> int | str:
    """One value, as genes and cells of tables hold it: ``224`` or ``"224x320"``."""
    return resolution_px if isinstance(resolution_px, int) else "{}x{}".format(*resolution_px)


def in_file(resolution_px: Resolution) -> int | list[int]:
    """As spaces and architectures have it: ``224`` or ``[224, 320]``."""
    return resolution_px if isinstance(resolution_px, int) else list(resolution_px)


def in_px(resolution_px: Resolution) -> str:
    """For people: ``224 px``, ``224x320 px``."""
    return f"{as_scalar(resolution_px)} px"


def span_in_px(least: Resolution, most: Resolution) -> str:
    """For people: ``224 px``, ``192 to 256 px``."""
    return in_px(most) if least == most else f"{as_scalar(least)} to {in_px(most)}"


def any_in_px(resolutions_px: Iterable[Resolution]) -> str:
    """For people: ``224 or 224x320 px``."""
    return f"{' or '.join(str(as_scalar(r)) for r in resolutions_px)} px"
