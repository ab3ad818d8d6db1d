"""EfficientFormer's MB3D block: attention and an MLP on tokens."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._bias import OffsetBias
from vitnas.ops._layers import (
    DropPath,
    LayerScale,
    hidden_width,
    require_same_width,
    value_width,
)


class TokenAttention(nn.Module):
    """Self-attention with a learned offset bias and a width of its own (LeViT, arXiv 2104.01136)."""

    def __init__(
        self, width: int, map_px: tuple[int, int], *, heads: int, key_dim: int, value_dim: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = key_dim**-0.5
        self.q = nn.Linear(width, heads * key_dim)
        self.k = nn.Linear(width, heads * key_dim)
        self.v = nn.Linear(width, heads * value_dim)
        self.bias = OffsetBias(heads, map_px)
        self.proj = nn.Linear(heads * value_dim, width)

    def _split(self, x: Tensor) -> Tensor:
        """Give each head its channels: (B, N, heads * d) to (B, heads, N, d)."""
        batch, tokens, channels = x.shape
        return x.reshape(batch, tokens, self.heads, channels // self.heads).permute(0, 2, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        q, k, v = self._split(self.q(x)), self._split(self.k(x)), self._split(self.v(x))
        attention = (q @ k.transpose(-2, -1)) * self.scale + self.bias()  # (B, heads, N, N)
        mixed = (attention.softmax(dim=-1) @ v).transpose(1, 2)  # (B, N, heads, value_dim)
        y: Tensor = self.proj(mixed.flatten(2))
        return y


class TokenMlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        y: Tensor = self.fc2(self.act(self.fc1(x)))
        return y


class AttentionMlp(nn.Module):
    """Pre-norm attention and MLP on tokens (EfficientFormer, arXiv 2206.01191).

    A feature map that comes in is flattened first, so a network of MB4D blocks with these as a suffix has
    exactly one reshape, as the paper asks; tokens (B, N, C) go out.

    Args:
        inputs: a feature map, or tokens without class token, of ``width`` channels.
        width: channels.
        expansion: hidden channels of the MLP over ``width`` (4 in all published networks).
        heads: attention heads.
        key_dim: channels of a head's query and key.
        attention_ratio: channels of a head's value over ``key_dim``.
        drop_path: share of samples whose branches are dropped in training.

    Raises:
        InvalidArchitecture: a class token, another width, or an argument that is not positive.
    """

    roles = {
        "expansion": "expansion",
        "heads": "heads",
        "key_dim": "key_dim",
        "attention_ratio": "attention_ratio",
    }

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        expansion: float = 4.0,
        heads: int = 8,
        key_dim: int = 32,
        attention_ratio: float = 4.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        require_same_width("attention_mlp", inputs, width)
        value_dim = value_width("attention_mlp", heads, key_dim, attention_ratio)
        if inputs.extra_tokens:
            raise InvalidArchitecture(
                "attention_mlp has biases for offsets in a map only: it takes no class token"
            )
        hidden = hidden_width("attention_mlp", width, expansion)
        self.flatten = not inputs.tokens
        self.norm1 = nn.LayerNorm(width)
        self.attention = TokenAttention(
            width, inputs.map_px, heads=heads, key_dim=key_dim, value_dim=value_dim
        )
        self.scale1 = LayerScale(width, tokens=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = TokenMlp(width, hidden)
        self.scale2 = LayerScale(width, tokens=True)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) or (B, N, width) to (B, N, width)."""
        if self.flatten:
            x = x.flatten(2).transpose(1, 2)  # (B, C, H, W) -> (B, N, C)
        x = x + self.drop_path(self.scale1(self.attention(self.norm1(x))))
        x = x + self.drop_path(self.scale2(self.mlp(self.norm2(x))))
        return x
