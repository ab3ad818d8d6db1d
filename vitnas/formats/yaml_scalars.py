"""YAML 1.2's core schema for PyYAML, which reads YAML 1.1; what the two read differently is refused.

Refused are ``020`` (16 or 20), ``1:20`` (80 or a text), ``no`` (False or a text), ``1_000`` and the like:
whoever wrote them meant one of the two. Texts are what stands there; keys are always texts.
"""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar, NoReturn

import yaml

from vitnas.formats.yaml_limits import LimitedComposer, Refused

_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"~|null|Null|NULL|"), ("~", "n", "N", "")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), tuple("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+"), tuple("-+0123456789")),
    (
        "float",
        re.compile(
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
        ),
        tuple("-+0123456789."),
    ),
)
_DIGITS = 40  # of a number, at most: far more than any means something
_AMBIGUOUS = (  # what YAML 1.1 and 1.2 read differently, and how to write what was meant
    (re.compile(r"(yes|no|on|off)", re.IGNORECASE), "true, false, or a text in quotes"),
    (re.compile(r"[-+]?0[0-9]+"), "the number without the zero in front, or a text in quotes"),
    (re.compile(r"[-+]?0o[0-7]+|[-+]?0b[01_]+|-0x[0-9a-fA-F_]+|\+0x[0-9a-fA-F_]+"), "a decimal number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number, or a text in quotes"),
    (
        re.compile(
            r"[-+]?(0x)?[0-9a-fA-F]*[0-9]_[0-9a-fA-F_.]*([eE][-+]?[0-9]+)?|[-+]?[0-9]*\.[0-9]+_[0-9_]*"
        ),
        "the number without '_', or a text in quotes",
    ),
)


class CoreLoader(LimitedComposer, yaml.SafeLoader):
    """The safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def construct_scalar(self, node: yaml.Node) -> Any:
        """The text of a plain or quoted scalar."""
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            _check_meaning(node)
        return super().construct_scalar(node)  # type: ignore[arg-type]

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """A finite number; nan where the text says so."""
        text = node.value
        if len(text) > _DIGITS:
            _refuse(node, f"a number of {len(text)} characters")
        _check_meaning(node)
        if node.tag == f"{_TAG}int":
            return int(text, 16 if text.startswith("0x") else 10)
        value = float(text.lower().replace(".nan", "nan").replace(".inf", "inf"))
        if math.isinf(value):
            _refuse(node, f"{text} is no finite number")
        return value

    def construct_key(self, node: yaml.Node) -> str:
        """A key as it is written."""
        if not isinstance(node, yaml.ScalarNode):
            _refuse(node, "a key is a text, not a list or mapping")
        if node.value == "<<" and node.style is None:
            _refuse(node, "merge keys ('<<') are none of YAML 1.2; write the keys out")
        return str(node.value)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        """Keys are texts."""
        return {self.construct_key(key): self.construct_object(value, deep=True) for key, value in node.value}

    def construct_whole_mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        """A mapping with all that it holds."""
        return self.construct_mapping(node, deep=True)

    def construct_bool(self, node: yaml.ScalarNode) -> bool:
        """True or false."""
        return bool(node.value.lower() == "true")


def _check_meaning(node: yaml.ScalarNode) -> None:
    for pattern, instead in _AMBIGUOUS:
        if pattern.fullmatch(node.value):
            _refuse(node, f"'{node.value:.40}' is read differently by YAML 1.1 and 1.2; write {instead}")


def _refuse(node: yaml.Node, problem: str) -> NoReturn:
    raise Refused(None, None, problem, node.start_mark)


def quote_as_core(dumper: type[yaml.SafeDumper]) -> None:
    """Make a dumper quote every text that is none for either version of YAML."""
    for pattern in (*(pattern for _, pattern, _ in _CORE), *(pattern for pattern, _ in _AMBIGUOUS)):
        whole = re.compile(f"^(?:{pattern.pattern})$", pattern.flags)
        dumper.add_implicit_resolver(f"{_TAG}float", whole, None)


for _name, _pattern, _first in _CORE:
    CoreLoader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"^(?:{_pattern.pattern})$"), list(_first))
CoreLoader.add_constructor(f"{_TAG}int", CoreLoader.construct_number)
CoreLoader.add_constructor(f"{_TAG}float", CoreLoader.construct_number)
CoreLoader.add_constructor(f"{_TAG}bool", CoreLoader.construct_bool)
CoreLoader.add_constructor(f"{_TAG}str", CoreLoader.construct_scalar)
CoreLoader.add_constructor(f"{_TAG}map", CoreLoader.construct_whole_mapping)
