"""How the families' modules read an architecture in timm's words, and say what timm has no words for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitnas.arch.operators import Scalar
from vitnas.arch.schema import Architecture, Block
from vitnas.errors import InvalidArchitecture

Words = tuple[str, dict[str, Any]]  # a model's name, and the arguments behind it


def name_of(kwargs: Mapping[str, Any], names: Mapping[str, Mapping[str, Any]]) -> str:
    """timm's name of an equal network, else that of the first (the smallest) of its family."""
    for name, meaning in names.items():
        if all(kwargs[key] == value for key, value in meaning.items()):
            return name
    return next(iter(names))


def size_of(a: Architecture) -> int | tuple[int, int]:
    """timm's ``img_size``."""
    return a.resolution_px


def one_value(a: Architecture, argument: str, default: Scalar) -> Scalar:
    """The value that all blocks with this argument share."""
    blocks = [block.full_args() for stage in a.stages for block in stage.blocks()]
    values = sorted({block[argument] for block in blocks if argument in block}, key=str)
    if len(values) > 1:
        raise cannot("stages", f"one {argument} holds for the network, not {' and '.join(map(str, values))}")
    return values[0] if values else default


def require_part(path: str, block: Block, op: str, **fixed: Scalar) -> dict[str, Scalar]:
    """All arguments of a block that has to be ``op`` with these values."""
    if block.op != op:
        raise cannot(path, f"'{op}' stands there, not '{block.op}'")
    given = block.full_args()
    for name, value in fixed.items():
        if given[name] != value:
            raise cannot(path, f"{name} is {value!r} there, not {given[name]!r}")
    return given


def cannot(path: str, reason: str) -> InvalidArchitecture:
    """The error of a network that timm has no words for."""
    return InvalidArchitecture(f"timm's classes cannot hold this network: {path}: {reason}")
