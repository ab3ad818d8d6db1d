"""The pooling between the stages of PiT."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._layers import require_positive, require_tokens


class PitDown(nn.Module):
    """A depthwise 3x3 convolution of stride 2 on the tokens' map (PiT, arXiv 2103.16302).

    A class token goes through a linear layer. In PiT the width grows by a whole factor and each channel gives
    that many; between any two other widths the channels form as many groups as both can be cut into.

    Args:
        inputs: tokens, with or without a class token; an odd side is rounded up.
        width: channels that go out.

    Raises:
        InvalidArchitecture: a feature map comes in, or the width is not positive.
    """

    def __init__(self, inputs: Features, width: int) -> None:
        super().__init__()
        require_tokens("pit_down", inputs)
        require_positive("pit_down", width=width)
        self.map_px, self.extra_tokens = inputs.map_px, inputs.extra_tokens
        self.output_px = (-(-inputs.side_px // 2), -(-inputs.width_px // 2))
        groups = math.gcd(inputs.channels, width)
        self.pool = nn.Conv2d(inputs.channels, width, 3, stride=2, padding=1, groups=groups)
        self.proj = nn.Linear(inputs.channels, width) if inputs.extra_tokens else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, channels) to (B, M, width), where ceil(side / 2)**2 of the M tokens are places."""
        batch, _, channels = x.shape
        places = x[:, self.extra_tokens :].transpose(1, 2).reshape(batch, channels, *self.map_px)
        pooled: Tensor = self.pool(places).flatten(2).transpose(1, 2)
        if self.proj is None:
            return pooled
        return torch.cat((self.proj(x[:, : self.extra_tokens]), pooled), dim=1)
