"""Attention within windows, and an MLP, on tokens."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_places, require_positive, require_same_width, require_square
from vitnas.ops._prenorm import PreNormBlock, split_heads


class WindowAttention(nn.Module):
    """Multi-head self-attention inside square windows that neither overlap nor shift; no position bias."""

    def __init__(self, width: int, side_px: int, *, splits: int, heads: int) -> None:
        super().__init__()
        self.side_px, self.splits, self.heads = side_px, splits, heads
        inner = width // heads * heads
        self.q = nn.Linear(width, inner)
        self.k = nn.Linear(width, inner)
        self.v = nn.Linear(width, inner)
        self.proj = nn.Linear(inner, width)

    def _windows(self, x: Tensor) -> Tensor:
        """Cut the map into windows: (B, N, C) to (B * splits**2, N / splits**2, C)."""
        if self.splits == 1:
            return x
        batch, channels = x.shape[0], x.shape[2]
        window = self.side_px // self.splits
        x = x.reshape(batch, self.splits, window, self.splits, window, channels).transpose(2, 3)
        return x.reshape(batch * self.splits**2, window**2, channels)

    def _joined(self, x: Tensor) -> Tensor:
        """Undo `_windows`."""
        if self.splits == 1:
            return x
        window = self.side_px // self.splits
        x = x.reshape(-1, self.splits, self.splits, window, window, x.shape[-1]).transpose(2, 3)
        return x.reshape(-1, self.side_px**2, x.shape[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        x = self._windows(x)
        q, k, v = (split_heads(project(x), self.heads) for project in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v)  # (windows, heads, tokens, head_dim)
        y: Tensor = self._joined(self.proj(mixed.transpose(1, 2).flatten(2)))
        return y


class WindowBlock(PreNormBlock):
    """Pre-norm attention within windows, and MLP, on tokens (As-ViT, arXiv 2202.11921).

    Args:
        inputs: tokens of ``width`` channels without class token; their map is cut into whole windows, there
            is no padding.
        width: channels; a head's query, key and value have ``width // heads`` of them.
        expansion: hidden channels of the MLP over ``width`` (2 to 6 in As-ViT).
        heads: attention heads.
        splits: windows along each side of the map, 1 for attention over all of it.
        drop_path: share of samples whose branches are dropped in training.

    Raises:
        InvalidArchitecture: a feature map, a class token, another width, a side that is no multiple of
            ``splits``, fewer channels than heads, or an argument that is not positive.
    """

    roles = {"expansion": "expansion", "heads": "heads", "splits": "splits"}

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        expansion: float = 4.0,
        heads: int = 4,
        splits: int = 1,
        drop_path: float = 0.0,
    ) -> None:
        require_places("window_block", inputs)
        require_same_width("window_block", inputs, width)
        require_square("window_block", inputs)
        require_positive("window_block", heads=heads, splits=splits)
        if inputs.side_px % splits:
            raise InvalidArchitecture(
                f"window_block: a map of side {inputs.side_px} does not divide into {splits} windows a side: "
                f"take another 'splits', or a resolution that divides (of As-ViT, multiples of 32)"
            )
        if heads > width:
            raise InvalidArchitecture(f"window_block: {heads} heads for {width} channels: at most one each")
        attention = WindowAttention(width, inputs.side_px, splits=splits, heads=heads)
        super().__init__("window_block", attention, width, expansion, drop_path, epsilon=1e-5)
