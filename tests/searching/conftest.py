from __future__ import annotations

import pytest

from vitnas.space.files import load_space
from vitnas.space.space import Space


@pytest.fixture(scope="session")
def small_space() -> Space:
    """Few enough genomes to list; the expansion of blocks beyond the depth has no effect."""
    return load_space(
        {
            "name": "small",
            "input": {"channels": 3, "resolution_px": 64},
            "classes": 10,
            "stem": {"op": "conv_stem"},
            "stages": [
                {
                    "width": {"choice": [16, 24, 32, 48]},
                    "blocks": [
                        {"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [2, 3, 4]}}
                    ],
                }
            ],
            "head": {"op": "pooled_classifier"},
        }
    )


@pytest.fixture(scope="session")
def large_space() -> Space:
    return load_space("efficientformer")
