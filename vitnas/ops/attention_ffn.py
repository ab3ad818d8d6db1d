"""EfficientFormerV2's attention block: attention on the map, then the feed-forward block."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._bias import OffsetBias
from vitnas.ops._layers import (
    ConvMlp,
    ConvNorm,
    DropPath,
    LayerScale,
    hidden_width,
    require_map,
    require_positive,
    require_same_width,
    value_width,
)


class MapAttention(nn.Module):
    """Attention of a map with locality in the values, talking heads and an optional stride.

    All projections are 1x1 convolutions with BN, so nothing is permuted to channels-last (EfficientFormerV2,
    arXiv 2212.08059). Talking heads: arXiv 2003.02436.
    """

    def __init__(
        self, width: int, map_px: tuple[int, int], *, heads: int, key_dim: int, value_dim: int, stride: int
    ) -> None:
        super().__init__()
        self.heads, self.scale = heads, key_dim**-0.5
        self.outer_px, self.map_px = map_px, (-(-map_px[0] // stride), -(-map_px[1] // stride))
        self.stride_conv: nn.Module = nn.Identity()
        if stride > 1:
            self.stride_conv = ConvNorm(width, width, 3, stride=stride, groups=width)
        self.q = ConvNorm(width, heads * key_dim)
        self.k = ConvNorm(width, heads * key_dim)
        self.v = ConvNorm(width, heads * value_dim)
        self.v_local = ConvNorm(heads * value_dim, heads * value_dim, 3, groups=heads * value_dim)
        self.bias = OffsetBias(heads, self.map_px)
        self.talking_head1 = nn.Conv2d(heads, heads, 1)
        self.talking_head2 = nn.Conv2d(heads, heads, 1)
        self.act = nn.GELU()
        self.proj = ConvNorm(heads * value_dim, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = self.stride_conv(x)
        batch, tokens = x.shape[0], self.map_px[0] * self.map_px[1]
        q = self.q(x).reshape(batch, self.heads, -1, tokens).permute(0, 1, 3, 2)  # (B, heads, N, key_dim)
        k = self.k(x).reshape(batch, self.heads, -1, tokens)  # (B, heads, key_dim, N)
        values = self.v(x)  # (B, heads * value_dim, H, W)
        v = values.reshape(batch, self.heads, -1, tokens).permute(0, 1, 3, 2)  # (B, heads, N, value_dim)

        attention = self.talking_head1((q @ k) * self.scale + self.bias())  # (B, heads, N, N)
        attention = self.talking_head2(attention.softmax(dim=-1))
        mixed = (attention @ v).transpose(2, 3).reshape(batch, -1, *self.map_px)
        mixed = mixed + self.v_local(values)
        if self.map_px != self.outer_px:
            mixed = F.interpolate(mixed, size=self.outer_px, mode="bilinear")
        y: Tensor = self.proj(self.act(mixed))
        return y


class AttentionFfn(nn.Module):
    """Attention, then the feed-forward block with a depthwise 3x3, each with layer scale and residual.

    Args:
        inputs: a feature map of ``width`` channels.
        width: channels.
        expansion: hidden channels of the feed-forward block over ``width``.
        stride: attention runs on a map this many times smaller (2 in stage 3 of the published networks); it
            is resized bilinearly to the size that came in, which need not be a multiple.
        heads: attention heads.
        key_dim: channels of a head's query and key.
        attention_ratio: channels of a head's value over ``key_dim``.
        drop_path: share of samples whose branches are dropped in training.

    Raises:
        InvalidArchitecture: tokens, another width, or an argument that is not positive.
    """

    roles = {
        "expansion": "expansion",
        "heads": "heads",
        "key_dim": "key_dim",
        "attention_ratio": "attention_ratio",
        "stride": "other",
    }

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        expansion: float = 4.0,
        stride: int = 1,
        heads: int = 8,
        key_dim: int = 32,
        attention_ratio: float = 4.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        require_map("attention_ffn", inputs)
        require_same_width("attention_ffn", inputs, width)
        value_dim = value_width("attention_ffn", heads, key_dim, attention_ratio)
        require_positive("attention_ffn", stride=stride)
        if stride > min(inputs.map_px):
            raise InvalidArchitecture(
                f"attention_ffn: stride {stride} is larger than the map, {min(inputs.map_px)} px"
            )
        self.attention = MapAttention(
            width, inputs.map_px, heads=heads, key_dim=key_dim, value_dim=value_dim, stride=stride
        )
        self.scale1 = LayerScale(width)
        self.mlp = ConvMlp(width, hidden_width("attention_ffn", width, expansion), depthwise=True)
        self.scale2 = LayerScale(width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = x + self.drop_path(self.scale1(self.attention(x)))
        x = x + self.drop_path(self.scale2(self.mlp(x)))
        return x
