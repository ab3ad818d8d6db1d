"""The published networks' spaces, and a plain vision transformer as a space of the user's own operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.space.files import load_space
from vitnas.space.space import Space

PATCH_STEM = '''
from torch import nn

from vitnas.arch.features import Features


class PatchStem(nn.Module):
    """Cut the image into patches: tokens."""

    def __init__(self, inputs: Features, width: int, *, patch_px: int = 16) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs.channels, width, patch_px, stride=patch_px)

    def forward(self, x):
        return self.conv(x).flatten(2).transpose(1, 2)
'''

VIT_BLOCK = '''
from torch import nn

from vitnas.arch.features import Features


class VitBlock(nn.Module):
    """Attention of 64 channels a head, and an MLP."""

    def __init__(
        self, inputs: Features, width: int, *, mlp_ratio: float = 4.0, heads: int = 3, head_dim: int = 64
    ) -> None:
        super().__init__()
        inner, hidden = heads * head_dim, int(width * mlp_ratio)
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, inner) for _ in range(3))
        self.proj = nn.Linear(inner, width)
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)

    def forward(self, x):
        y = self.norm1(x)
        split = lambda t: t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q(y)), split(self.k(y)), split(self.v(y))
        attention = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(dim=-1)
        x = x + self.proj((attention @ v).transpose(1, 2).flatten(2))
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))
'''


Priced = tuple[Space, CostTable]


@pytest.fixture
def plain_vit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Priced]:
    """Makes a plain ViT space: a width, a depth, and mlp_ratio and heads of every block."""
    ops = tmp_path / "ops"
    ops.mkdir()
    (ops / "patch_stem.py").write_text(PATCH_STEM)
    (ops / "vit_block.py").write_text(VIT_BLOCK)
    monkeypatch.chdir(tmp_path)

    def make(*, width: Any, repeat: Any, mlp_ratio: Any, heads: Any, resolution_px: int = 224) -> Priced:
        block = {"op": "vit_block", "repeat": repeat, "mlp_ratio": mlp_ratio, "heads": heads}
        space = load_space(
            {
                "name": "plain_vit",
                "input": {"channels": 3, "resolution_px": resolution_px},
                "classes": 1000,
                "stem": {"op": "patch_stem"},
                "stages": [{"width": width, "blocks": [block]}],
                "head": {"op": "pooled_classifier"},
            }
        )
        return space, CostTable.build(space)

    return make


@pytest.fixture(scope="session")
def v2() -> Priced:
    space = load_space("efficientformer")
    return space, CostTable.cached(space)


@pytest.fixture(scope="session")
def v1() -> Priced:
    space = load_space("efficientformer_v1")
    return space, CostTable.cached(space)


@pytest.fixture(scope="session")
def pool(v2: Priced) -> NDArray[np.uint8]:
    return v2[0].sample(1000, np.random.default_rng(0))
