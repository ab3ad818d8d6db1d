"""Typed access to a profile's YAML by the fields of its dataclasses; all that is wrong is said at once."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any

from vitnas.arch.yaml_io import Source
from vitnas.errors import InvalidBudget, InvalidProfile
from vitnas.figures import parse_quantity
from vitnas.formats.resolution import parse_resolution

MISSING = dataclasses.MISSING


class ProfileReader:
    """Reads values by the annotations of a dataclass.

    A field's metadata are rules: ``among`` (one of some words), ``least`` (of finite numbers), ``keys`` (a
    function that gives those of a mapping), ``quantities`` (numbers may have a unit of the cost that is their
    key), ``resolutions`` (the least and the most).
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._problems: list[tuple[str, str]] = []

    def fail(self, path: str, problem: str) -> None:
        """Note what is wrong at a key path such as ``error.mape``."""
        self._problems.append((path, problem))

    def finish(self) -> None:
        """Raise `InvalidProfile` for all that is wrong, in one line."""
        where, file = self._source.where, self._source.file
        texts = [where(path) + problem for path, problem in self._problems]
        if len(texts) > 1:
            lines = "; ".join("line " + text.removeprefix(f"{file}:") for text in texts)
            raise InvalidProfile(f"{file} has {len(texts)} problems: {lines}")
        if texts:
            raise InvalidProfile(texts[0])

    def section(self, path: str, value: Any, cls: type[Any]) -> Any:
        """A dataclass from a mapping of its fields; None if anything was wrong so far."""
        fields = {f.name: f for f in dataclasses.fields(cls)}
        required = [n for n, f in fields.items() if f.default is MISSING and f.default_factory is MISSING]
        found, hints = self.mapping(path, value, fields, required), typing.get_type_hints(cls)
        values = {
            name: self.read(f"{path}.{name}".lstrip("."), found[name], hints[name], f.metadata)
            for name, f in fields.items()
            if name in found
        }
        return None if self._problems else cls(**values)

    def mapping(
        self, path: str, value: Any, known: Collection[str] | None = None, required: Collection[str] = ()
    ) -> dict[str, Any]:
        """A mapping without unknown keys, with all that are required; empty if it is none."""
        if not isinstance(value, dict):
            self.fail(path, f"must be a mapping, not {type(value).__name__}")
            return {}
        found = {str(key): item for key, item in value.items()}
        for key in found:
            if known is not None and key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean '{close[0]}'?" if close else f" (known: {', '.join(sorted(known))})"
                self.fail(f"{path}.{key}".lstrip("."), f"unknown key '{key}'{hint}")
        for key in required:
            if key not in found:
                self.fail(path, f"'{key}' is missing")
        return found

    def read(self, path: str, value: Any, kind: Any, rules: Mapping[str, Any]) -> Any:
        """A value of an annotated type; anything if it is wrong."""
        inner = typing.get_args(kind)
        if isinstance(kind, types.UnionType):
            return self.read(path, value, inner[0], rules)
        if dataclasses.is_dataclass(kind):
            return self.section(path, value, typing.cast(type, kind))
        if typing.get_origin(kind) is Mapping:
            found = self.mapping(path, value, rules["keys"]() if "keys" in rules else None)
            own = {name: {**rules, "cost": name} for name in found}
            return {name: self.read(f"{path}.{name}", found[name], inner[1], own[name]) for name in found}
        if typing.get_origin(kind) is tuple:
            return (
                self._resolutions(path, value) if "resolutions" in rules else self._items(path, value, inner)
            )
        return self._text(path, value, rules) if kind is str else self._number(path, value, kind, rules)

    def _items(self, path: str, value: Any, inner: tuple[Any, ...]) -> tuple[Any, ...]:
        if inner[-1] is Ellipsis:
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return tuple(value)
            self.fail(path, "must be a list of names")
        elif not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
            self.fail(path, f"must be a list of two numbers, not {value!r}")
        else:
            return tuple(round(v) if k is int else float(v) for k, v in zip(inner, value, strict=True))
        return ()

    def _resolutions(self, path: str, value: Any) -> tuple[Any, ...]:
        """The least and the most; 0 is any."""
        if not isinstance(value, list) or len(value) != 2:
            self.fail(path, f"must be a list of two numbers, not {value!r:.60}")
            return ()
        try:
            return tuple(0 if given == 0 else parse_resolution(given) for given in value)
        except ValueError as problem:
            self.fail(path, str(problem))
            return ()

    def _text(self, path: str, value: Any, rules: Mapping[str, Any]) -> Any:
        if not isinstance(value, str):
            self.fail(path, f"must be text, not {value!r:.60}; quote it")
        elif "among" in rules and value not in rules["among"]:
            self.fail(path, f"'{value:.60}' is none of {', '.join(rules['among'])}")
        return value

    def _number(self, path: str, value: Any, kind: type, rules: Mapping[str, Any]) -> Any:
        if rules.get("quantities") and isinstance(value, str):
            try:
                return parse_quantity(rules["cost"], value)
            except InvalidBudget as problem:
                self.fail(path, str(problem))
                return math.nan
        least = rules.get("least", -math.inf)
        if not _is_number(value):
            self.fail(path, f"must be a number, not {value!r}")
        elif value < least or abs(value) > 1e300 or (math.isnan(value) and least > -math.inf):
            self.fail(path, f"{value} is not a finite number of at least {least:g}")
        elif kind is int and value != round(value):
            self.fail(path, f"must be a whole number, not {value!r}")
        else:
            return kind(value)
        return math.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
