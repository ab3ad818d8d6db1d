"""EfficientFormerV2's unified feed-forward block."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._layers import (
    ConvMlp,
    DropPath,
    LayerScale,
    hidden_width,
    require_map,
    require_same_width,
)


class ConvFfn(nn.Module):
    """A convolutional MLP with a depthwise 3x3 inside, which mixes tokens as well (EfficientFormerV2,
    arXiv 2212.08059: pooling mixer and MLP of v1 become one block).

    Args:
        inputs: a feature map of ``width`` channels.
        width: channels.
        expansion: hidden channels over ``width`` (3 or 4 in the published networks).
        drop_path: share of samples whose branch is dropped in training.

    Raises:
        InvalidArchitecture: tokens, another width, or an expansion that leaves no channel.
    """

    roles = {"expansion": "expansion"}

    def __init__(
        self, inputs: Features, width: int, *, expansion: float = 4.0, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        require_map("conv_ffn", inputs)
        require_same_width("conv_ffn", inputs, width)
        self.mlp = ConvMlp(width, hidden_width("conv_ffn", width, expansion), depthwise=True)
        self.scale = LayerScale(width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = x + self.drop_path(self.scale(self.mlp(x)))
        return x
