"""Whether values from a file have the types that a dataclass says."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from vitnas.errors import VitnasError


def check_fields(cls: type[Any], values: Any, where: str, error: type[VitnasError]) -> None:
    """Check a mapping against the annotations of a dataclass.

    Raises:
        VitnasError: (``error``) a field is missing, unknown or of another type; names it.
    """
    if not isinstance(values, Mapping):
        raise error(f"{where}: expected names and values, got {values!r:.60}")
    hints, fields = typing.get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls)}
    for name in values:
        if name not in fields:
            raise error(f"{where}: unknown setting '{name!s:.60}'; was it written by a newer vitnas?")
    for name, field in fields.items():
        if name in values:
            if not _fits(values[name], hints[name]):
                raise error(f"{where}: {name}: cannot be {values[name]!r:.60}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise error(f"{where}: '{name}' is missing")


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, list | tuple) and _fit_all(value, inner)
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(_fits(one, inner[0]) for one in value)
    if origin in (Mapping, dict):
        return isinstance(value, Mapping) and all(_fits(one, inner[1]) for one in value.values())
    if dataclasses.is_dataclass(hint):
        return isinstance(value, Mapping)
    if hint in (int, float):
        kinds = (int, float) if hint is float else (int,)
        return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    return hint is Any or (isinstance(hint, type) and isinstance(value, hint))


def _fit_all(values: Sequence[Any], inner: tuple[Any, ...]) -> bool:
    if inner[-1] is Ellipsis:
        return all(_fits(value, inner[0]) for value in values)
    return len(values) == len(inner) and all(map(_fits, values, inner))
