"""The identity of a network: a hash of what is built, not of how the file spells it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from vitnas.arch.operators import arguments

if TYPE_CHECKING:
    from vitnas.arch.schema import Architecture, Block


def canonical_id(architecture: Architecture) -> str:
    """Twelve hexadecimal digits of SHA-256 over blocks written out with their defaults."""
    text = json.dumps(_canonical(architecture), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _canonical(a: Architecture) -> list[Any]:
    stages = [
        [stage.width, _block(stage.down) if stage.down else None, [_block(b) for b in stage.blocks()]]
        for stage in a.stages
    ]
    return [a.in_channels, a.resolution_px, a.classes, _block(a.stem), stages, _block(a.head)]


def _block(block: Block) -> list[Any]:
    full = {name: block.args.get(name, argument.default) for name, argument in arguments(block.op).items()}
    return [block.op, {name: _plain(value) for name, value in full.items()}]


def _plain(value: Any) -> Any:
    """4 and 4.0 are one value."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
