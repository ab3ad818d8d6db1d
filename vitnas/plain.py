"""Values as JSON has them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any


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
