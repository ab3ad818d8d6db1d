"""EfficientFormer's MB4D block."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import (
    ConvMlp,
    DropPath,
    LayerScale,
    hidden_width,
    require_map,
    require_same_width,
)


class PoolMixer(nn.Module):
    """Average pooling as token mixer, then a convolutional MLP (EfficientFormer, arXiv 2206.01191).

    Args:
        inputs: a feature map of ``width`` channels.
        width: channels.
        expansion: hidden channels of the MLP over ``width`` (4 in all published networks).
        pool_px: side of the pooling window, odd.
        drop_path: share of samples whose branches are dropped in training.

    Raises:
        InvalidArchitecture: tokens, another width, an even window, or an expansion that leaves no channel.
    """

    roles = {"expansion": "expansion", "pool_px": "other"}

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        expansion: float = 4.0,
        pool_px: int = 3,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        require_map("pool_mixer", inputs)
        require_same_width("pool_mixer", inputs, width)
        if pool_px < 1 or pool_px % 2 == 0:
            raise InvalidArchitecture(f"pool_mixer: pool_px must be odd, not {pool_px}")
        self.pool = nn.AvgPool2d(pool_px, stride=1, padding=pool_px // 2, count_include_pad=False)
        self.scale1 = LayerScale(width)
        self.mlp = ConvMlp(width, hidden_width("pool_mixer", width, expansion), depthwise=False)
        self.scale2 = LayerScale(width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = x + self.drop_path(self.scale1(self.pool(x) - x))  # the residual has x already
        x = x + self.drop_path(self.scale2(self.mlp(x)))
        return x
