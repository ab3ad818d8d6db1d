"""What arguments an operator takes, read from its constructor."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitnas import plugins
from vitnas.errors import InvalidInput

Scalar = int | float | bool | str
RESERVED = frozenset({"drop_path"})  # set by the builder, never by a file


@dataclass(frozen=True)
class Argument:
    """One keyword argument of an operator."""

    kind: type  # int, float, bool or str
    default: Scalar | None  # None: must be given
    options: tuple[Scalar, ...] = ()  # of a Literal

    def coerce(self, value: Any) -> Scalar:
        """``value`` as this argument's type.

        Raises:
            ValueError: the message says what was expected.
        """
        if self.options:
            if value in self.options:
                return typing.cast(Scalar, value)
            raise ValueError(f"expected one of {list(self.options)}, got {value!r}")
        return coerce(value, self.kind)


def coerce(value: Any, kind: type) -> Scalar:
    """``value`` if it is of ``kind``; integers pass for floats, and booleans never for numbers."""
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if float(value).is_integer() else float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in (bool, str) and isinstance(value, kind):
        return typing.cast(Scalar, value)
    names = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    raise ValueError(f"expected {names[kind]}, got {value!r}")


@functools.cache
def arguments(op: str) -> Mapping[str, Argument]:
    """The YAML arguments of an operator, by name.

    Raises:
        UnknownName: no such operator.
        InvalidInput: its constructor does not follow the contract of CONTRIBUTING.md.
    """
    cls = plugins.load_plugin("operator", op)
    hints = typing.get_type_hints(cls.__init__)
    found: dict[str, Argument] = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in RESERVED:
            found[name] = _argument(op, name, hints.get(name), parameter.default)
    return types.MappingProxyType(found)


def _argument(op: str, name: str, hint: Any, default: Any) -> Argument:
    given = None if default is inspect.Parameter.empty else default
    if typing.get_origin(hint) is typing.Literal:
        return Argument(str, given, typing.get_args(hint))
    if hint in (int, float, bool, str):
        return Argument(hint, given)
    raise InvalidInput(
        f"operator '{op}': argument '{name}' must be annotated int, float, bool, str or Literal"
    )


def takes_drop_path(op: str) -> bool:
    """Whether the operator has a residual branch that stochastic depth may drop."""
    return "drop_path" in inspect.signature(plugins.load_plugin("operator", op).__init__).parameters
