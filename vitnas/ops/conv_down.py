"""Downsampling by one convolution."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._layers import ConvNorm, require_map, require_positive


class ConvDown(nn.Module):
    """A 3x3 convolution of stride 2 with BN, between the stages of EfficientFormer v1 and V2.

    Args:
        inputs: a feature map; an odd side is rounded up.
        width: channels that go out.

    Raises:
        InvalidArchitecture: tokens come in, or the width is not positive.
    """

    def __init__(self, inputs: Features, width: int) -> None:
        super().__init__()
        require_map("conv_down", inputs)
        require_positive("conv_down", width=width)
        self.conv = ConvNorm(inputs.channels, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, width, ceil(H / 2), ceil(W / 2))."""
        y: Tensor = self.conv(x)
        return y
