"""Values as JSON has them, and texts as a terminal may be shown them."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

# what a terminal obeys, or what changes the order and the look of the text around it; lines and tabs stay
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """A text of a file or an exception for people: control and bidirectional characters as ``\\x1b``."""
    return _OBEYED.sub(lambda found: _escape(ord(found[0])), text)


def printable_json(text: str) -> str:
    """A JSON document, which stays one: such characters stand in its strings alone."""
    return _OBEYED.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def plain(value: Any, *, digits: int | None = None) -> Any:
    """``value`` in JSON's types: NumPy's values, paths, tuples and sets too; what is no number becomes None.

    Args:
        value: to convert.
        digits: significant ones of floats; None keeps all.

    Raises:
        TypeError: JSON has nothing like it.
    """
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        short = value if digits is None else float(f"{value:.{digits}g}")
        return float(short) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner, digits=digits) for key, inner in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # NumPy's, without importing it
        return plain(value.tolist(), digits=digits)
    if isinstance(value, Iterable):
        return [plain(inner, digits=digits) for inner in value]
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")
