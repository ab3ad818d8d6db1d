"""The one reader of JSON: strict, so that a damaged file is no other file that happens to be readable."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from vitnas.errors import InvalidData, VitnasError, describe
from vitnas.formats.text_file import read_text


def read_json(path: str | Path, error: type[VitnasError] = InvalidData) -> Any:
    """Read a document.

    Raises:
        VitnasError: (``error``) it is no readable JSON, has a key twice or a number that is not finite.
    """
    return parse_json(read_text(path, error).removeprefix("\ufeff"), str(path), error)


def parse_json(text: str | bytes, file: str, error: type[VitnasError] = InvalidData) -> Any:
    """Parse a document; see `read_json`."""
    try:
        return json.loads(
            text, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_without_repeats
        )
    except json.JSONDecodeError as problem:
        raise error(f"{file}:{problem.lineno}: is no JSON: {problem.msg}") from None
    except (ValueError, RecursionError) as problem:
        why = "it is nested too deeply" if isinstance(problem, RecursionError) else problem
        raise error(f"{file}: is no JSON of ours: {why or describe(problem)}") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.40} is too large")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.60} stands twice")
    return found
