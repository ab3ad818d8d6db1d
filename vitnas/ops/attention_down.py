"""EfficientFormerV2's dual-path attention downsampling."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._bias import OffsetBias
from vitnas.ops._layers import ConvNorm, require_map, require_positive, value_width


class DownAttention(nn.Module):
    """Attention whose queries sit at every second row and column (EfficientFormerV2, arXiv 2212.08059).

    A query is a strided depthwise 3x3 plus plain subsampling (pooling with a window of one) of the input.
    """

    def __init__(
        self, channels: int, width: int, map_px: tuple[int, int], *, heads: int, key_dim: int, value_dim: int
    ) -> None:
        super().__init__()
        self.heads, self.scale = heads, key_dim**-0.5
        self.map_px, self.out_px = map_px, (-(-map_px[0] // 2), -(-map_px[1] // 2))
        inner = heads * value_dim
        self.q_pool = nn.AvgPool2d(1, stride=2)
        self.q_local = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels)
        self.q = ConvNorm(channels, heads * key_dim)
        self.k = ConvNorm(channels, heads * key_dim)
        self.v = ConvNorm(channels, inner)
        self.v_local = ConvNorm(inner, inner, 3, stride=2, groups=inner)
        self.bias = OffsetBias(heads, map_px, query_stride=2)
        self.act = nn.GELU()
        self.proj = ConvNorm(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, width, ceil(H / 2), ceil(W / 2))."""
        batch, keys, queries = x.shape[0], self.map_px[0] * self.map_px[1], self.out_px[0] * self.out_px[1]
        q = self.q(self.q_local(x) + self.q_pool(x))
        q = q.reshape(batch, self.heads, -1, queries).permute(0, 1, 3, 2)  # (B, heads, Nq, key_dim)
        k = self.k(x).reshape(batch, self.heads, -1, keys)  # (B, heads, key_dim, Nk)
        values = self.v(x)  # (B, heads * value_dim, H, W)
        v = values.reshape(batch, self.heads, -1, keys).permute(0, 1, 3, 2)  # (B, heads, Nk, value_dim)

        attention = ((q @ k) * self.scale + self.bias()).softmax(dim=-1)  # (B, heads, Nq, Nk)
        mixed = (attention @ v).transpose(2, 3).reshape(batch, -1, *self.out_px)
        y: Tensor = self.proj(self.act(mixed + self.v_local(values)))
        return y


class AttentionDown(nn.Module):
    """Halve a map by attention and by a 3x3 convolution of stride 2, summed: global and local in one step.

    Args:
        inputs: a feature map; an odd side is rounded up.
        width: channels that go out.
        heads: attention heads.
        key_dim: channels of a head's query and key.
        attention_ratio: channels of a head's value over ``key_dim``.

    Raises:
        InvalidArchitecture: tokens come in, or an argument is not positive.
    """

    roles = {"heads": "heads", "key_dim": "key_dim", "attention_ratio": "attention_ratio"}

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        heads: int = 8,
        key_dim: int = 16,
        attention_ratio: float = 4.0,
    ) -> None:
        super().__init__()
        require_map("attention_down", inputs)
        require_positive("attention_down", width=width)
        value_dim = value_width("attention_down", heads, key_dim, attention_ratio)
        self.conv = ConvNorm(inputs.channels, width, 3, stride=2)
        self.attention = DownAttention(
            inputs.channels, width, inputs.map_px, heads=heads, key_dim=key_dim, value_dim=value_dim
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, width, ceil(H / 2), ceil(W / 2))."""
        y: Tensor = self.attention(x) + self.conv(x)
        return y
