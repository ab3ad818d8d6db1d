"""Published methods as settings of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitnas.errors import unknown

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Chen et al., ICLR 2022 (arXiv 2202.11921): the seed, which `vitnas scale --rule asvit` grows
    "asvit": {
        "space": "asvit",
        "quality": "ntk_condition+length_distortion",
        "strategy": "reinforce",
        "objectives": ("quality",),
    },
}


def preset(name: str) -> Mapping[str, Any]:
    """Settings of `SearchConfig` by name.

    Raises:
        UnknownName: no such preset.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS, where="`preset`")
    return PRESETS[name]
