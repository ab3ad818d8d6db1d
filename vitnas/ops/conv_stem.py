"""Convolutional stem of EfficientFormer: the image at a quarter of its resolution."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import ConvNorm, require_map, require_positive


class ConvStem(nn.Module):
    """Two 3x3 convolutions of stride 2, each with BN and activation (EfficientFormer, arXiv 2206.01191).

    A large-kernel patch embedding is slow on phones; this is not. The published v1 networks use ReLU here,
    V2 GELU.

    Args:
        inputs: the image as features.
        width: channels that go out; the first convolution has ``width // 2``.
        activation: "gelu" or "relu".

    Raises:
        InvalidArchitecture: tokens, an image whose side is no multiple of 4, or a width below 2.
    """

    roles = {"activation": "switch"}

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        activation: Literal["gelu", "relu"] = "gelu",
    ) -> None:
        super().__init__()
        require_map("conv_stem", inputs)
        require_positive("conv_stem", channels=inputs.channels, width=width // 2)
        if side := next((side for side in inputs.map_px if side % 4), 0):
            raise InvalidArchitecture(
                f"conv_stem divides the image by 4, which resolution {side} px is no multiple of: "
                f"take a multiple of 32, such as {max(32, round(side / 32) * 32)}"
            )
        activations = {"gelu": nn.GELU, "relu": nn.ReLU}
        if activation not in activations:
            raise InvalidArchitecture(f"conv_stem: activation must be 'gelu' or 'relu', not {activation!r}")
        self.conv1 = ConvNorm(inputs.channels, width // 2, 3, stride=2)
        self.act1 = activations[activation]()
        self.conv2 = ConvNorm(width // 2, width, 3, stride=2)
        self.act2 = activations[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, width, H / 4, W / 4)."""
        x = self.act1(self.conv1(x))
        x = self.act2(self.conv2(x))
        return x
