"""Typed access to a profile's YAML by key path; every failure names file, line and path."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from typing import Any, NoReturn

from vitnas.arch.yaml_io import Source
from vitnas.errors import InvalidProfile


class ProfileReader:
    """A profile's file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def fail(self, path: str, problem: str) -> NoReturn:
        """Raise `InvalidProfile`."""
        self._source.fail(InvalidProfile, path, problem)

    def value(self, path: str) -> Any:
        """What stands at a key path such as ``error.mape``."""
        found = self._source.data
        for key in path.split(".") if path else ():
            found = found[key]
        return found

    def mapping(
        self,
        path: str,
        known: set[str] | None,
        required: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> dict[str, Any]:
        """A mapping without unknown keys, with all that are required."""
        found = self.value(path)
        if not isinstance(found, dict):
            self.fail(path, f"must be a mapping, not {type(found).__name__}")
        keys = {str(key) for key in found}
        for key in sorted(keys - known) if known is not None else ():
            close = difflib.get_close_matches(key, sorted(known or ()), n=1)
            hint = f"; did you mean '{close[0]}'?" if close else f" (known: {', '.join(sorted(known or ()))})"
            self.fail(f"{path}.{key}".lstrip("."), f"unknown key '{key}'{hint}")
        missing = sorted(required - keys)
        if missing:
            self.fail(path, f"'{missing[0]}' is missing")
        return found

    def text(self, path: str) -> str:
        """Text."""
        found = self.value(path)
        if not isinstance(found, str):
            self.fail(path, f"must be text, not {found!r}; quote it")
        return found

    def number(self, path: str, least: float = -math.inf) -> float:
        """A number of at least ``least``."""
        found = self.value(path)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            self.fail(path, f"must be a number, not {found!r}")
        if found < least or math.isinf(found) or (math.isnan(found) and least > -math.inf):
            self.fail(path, f"{found} is not a finite number of at least {least:g}")
        return float(found)

    def pair(self, path: str) -> tuple[float, float]:
        """A list of two numbers."""
        found = self.value(path)
        if not isinstance(found, list) or len(found) != 2:
            self.fail(path, f"must be a list of two numbers, not {found!r}")
        for item in found:
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                self.fail(path, f"must be a list of two numbers, not {found!r}")
        return float(found[0]), float(found[1])

    def texts(self, path: str) -> list[str]:
        """A list of texts."""
        found = self.value(path)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            self.fail(path, "must be a list of names")
        return found

    def one_of(self, path: str, known: Collection[str]) -> str:
        """One of some words."""
        found = self.value(path)
        if found not in known:
            self.fail(path, f"'{found}' is none of {', '.join(known)}")
        return str(found)
