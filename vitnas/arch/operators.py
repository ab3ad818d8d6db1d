"""What arguments an operator takes, read from its constructor, and what they mean, read from its class."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitnas import plugins
from vitnas.errors import unknown

Scalar = int | float | bool | str
LARGEST = 10**9  # of any number in a document, whatever its sign; what has a meaning is far smaller
RESERVED = frozenset({"drop_path"})  # set by the builder, never by a file
ROLES = {  # what an argument may mean -> for people
    "expansion": "hidden channels of the MLP over the block's width",
    "hidden_width": "hidden channels of the MLP",
    "heads": "attention heads",
    "key_dim": "channels of a head's query and key, and of its value where nothing else says them",
    "value_dim": "channels of a head's value",
    "attention_ratio": "channels of a head's value over those of its key",
    "attention_width": "channels of all heads' values together",
    "window": "side of an attention window",
    "splits": "attention windows along a side of the map",
    "switch": "something that is on or off, or one of several kinds",
    "other": "anything else",
}
CONVENTION = {  # names that mean what they say where an operator says nothing of them
    "expansion": "expansion",
    "mlp_ratio": "expansion",
    "heads": "heads",
    "num_heads": "heads",
    "key_dim": "key_dim",
    "head_dim": "value_dim",
    "value_dim": "value_dim",
    "attention_ratio": "attention_ratio",
    "window": "window",
    "window_px": "window",
    "split": "splits",
    "splits": "splits",
}


@dataclass(frozen=True)
class Argument:
    """One keyword argument of an operator."""

    kind: type  # int, float, bool or str
    default: Scalar | None  # None: must be given
    options: tuple[Scalar, ...] = ()  # of a Literal
    role: str = ""  # one of `ROLES`; empty if nobody says what it means

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


def is_number(value: Any, most: float = LARGEST) -> bool:
    """Whether a value is a finite number of sensible size; booleans never are."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -most <= value <= most


def coerce(value: Any, kind: type) -> Scalar:
    """``value`` if it is of ``kind``; integers pass for floats, and booleans never for numbers."""
    if kind is float and is_number(value):
        return int(value) if float(value).is_integer() else float(value)
    if kind is int and isinstance(value, int) and is_number(value):
        return value
    if kind in (bool, str) and isinstance(value, kind):
        return typing.cast(Scalar, value)
    names = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    raise ValueError(f"expected {names[kind]}, got {value!r:.60}")


def arguments(op: str) -> Mapping[str, Argument]:
    """The YAML arguments of an operator, by name.

    Raises:
        UnknownName: no such operator.
        PluginError: it cannot be imported, or its constructor does not follow the contract (docs/plugins.md).
    """
    return _arguments(op, plugins.load_plugin("operator", op))


@functools.cache
def _arguments(op: str, cls: Any) -> Mapping[str, Argument]:
    with plugins.running("operator", op, "has a constructor that cannot be read"):
        hints = typing.get_type_hints(cls.__init__)
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # without self
    given, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    kinds = [parameter.kind for parameter in parameters]
    if kinds[:2] != [given, given] or not {*kinds} <= {given, named}:
        wanted = "__init__(self, inputs: Features, width: int, *, ...), each argument by its name"
        raise plugins.defect("operator", op, f"must have {wanted}, not ({', '.join(map(str, parameters))})")
    roles, found = _roles(op, cls), dict[str, Argument]()
    for name, default in ((p.name, p.default) for p in parameters[2:] if p.name not in RESERVED):
        found[name] = _argument(op, name, hints.get(name), default, roles.get(name, ""))
    for name in vars(cls).get("roles", {}):
        if name not in found:
            raise unknown(f"operator '{op}': roles: argument", name, found)
    return types.MappingProxyType(found)


def _roles(op: str, cls: Any) -> dict[str, str]:
    """Argument -> role, by the operator's own ``roles`` or by `CONVENTION`.

    Raises:
        UnknownName: a role that there is not.
    """
    own = dict(getattr(cls, "roles", {}))
    for name, role in own.items():
        if role not in ROLES:
            raise unknown(f"operator '{op}': argument '{name}': role", str(role), ROLES)
    return {**CONVENTION, **own}


def meanings(op: str, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Role -> value of an operator's arguments, or their defaults; the first argument of a role counts."""
    found: dict[str, Scalar] = {}
    for name, argument in arguments(op).items():
        value = given.get(name, argument.default)
        if argument.role and value is not None:
            found.setdefault(argument.role, value)
    return found


def with_role(op: str, role: str) -> tuple[str, ...]:
    """The arguments of an operator that have a role."""
    return tuple(name for name, argument in arguments(op).items() if argument.role == role)


def _argument(op: str, name: str, hint: Any, default: Any, role: str) -> Argument:
    given = None if default is inspect.Parameter.empty else default
    if typing.get_origin(hint) is typing.Literal:
        return Argument(str, given, typing.get_args(hint), role)
    if hint in (int, float, bool, str):
        return Argument(hint, given, role=role)
    raise plugins.defect("operator", op, f"must annotate '{name}' as int, float, bool, str or Literal")


def takes_drop_path(op: str) -> bool:
    """Whether the operator has a residual branch that stochastic depth may drop."""
    return "drop_path" in inspect.signature(plugins.load_plugin("operator", op).__init__).parameters
