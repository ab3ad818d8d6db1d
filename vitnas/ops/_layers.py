"""Small layers that several operators share, and the checks of what an operator is given.

Every layer keeps the leading-slice convention: a leading slice of each parameter is the same layer, narrower.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture

LAYER_SCALE_INIT = 1e-5
EPSILON = 1e-6  # of every layer norm in ViT and DeiT; torch's own is 1e-5


def require_map(op: str, inputs: Features) -> None:
    """Raise InvalidArchitecture unless ``inputs`` is a feature map."""
    if inputs.tokens:
        raise InvalidArchitecture(
            f"{op} needs a feature map (B, C, H, W) but gets tokens (B, N, C): put it before the token blocks"
        )


def require_tokens(op: str, inputs: Features) -> None:
    """Raise InvalidArchitecture unless ``inputs`` are tokens."""
    if not inputs.tokens:
        raise InvalidArchitecture(
            f"{op} needs tokens (B, N, C) but gets a feature map (B, C, H, W): put patch_embed before it"
        )


def require_places(op: str, inputs: Features) -> None:
    """Raise InvalidArchitecture unless ``inputs`` are tokens that all stand for a place in a map."""
    require_tokens(op, inputs)
    if inputs.extra_tokens:
        raise InvalidArchitecture(f"{op} needs tokens that make up a map: it takes no class token")


def require_same_width(op: str, inputs: Features, width: int) -> None:
    """Raise InvalidArchitecture unless ``width`` is what comes in: a residual block cannot change it."""
    if inputs.channels != width:
        raise InvalidArchitecture(
            f"{op} keeps the width, but gets {inputs.channels} channels and should give {width}: "
            f"change the width with the stage's 'down'"
        )


def require_square(op: str, inputs: Features) -> None:
    """Raise InvalidArchitecture unless the map is a square."""
    if not inputs.is_square:
        raise InvalidArchitecture(f"{op} takes square maps, not {inputs.side_px} x {inputs.width_px}")


def require_positive(op: str, **numbers: float) -> None:
    """Raise InvalidArchitecture for the first number that is not positive and finite."""
    for name, number in numbers.items():
        if not (number > 0 and math.isfinite(number)):
            raise InvalidArchitecture(f"{op}: {name} must be positive, not {number}")


def hidden_width(op: str, width: int, expansion: float) -> int:
    """Hidden channels of an MLP, ``int(width * expansion)``; at least one, else InvalidArchitecture."""
    require_positive(op, width=width, expansion=expansion)
    hidden = int(width * expansion)
    if hidden < 1:
        raise InvalidArchitecture(f"{op}: expansion {expansion} of width {width} leaves no hidden channel")
    return hidden


def value_width(op: str, heads: int, key_dim: int, attention_ratio: float) -> int:
    """Channels of a head's value, ``int(attention_ratio * key_dim)``; InvalidArchitecture if none."""
    require_positive(op, heads=heads, key_dim=key_dim, attention_ratio=attention_ratio)
    value_dim = int(attention_ratio * key_dim)
    require_positive(op, value_dim=value_dim)
    return value_dim


def layer_norm(width: int) -> nn.LayerNorm:
    """Normalisation of each token."""
    return nn.LayerNorm(width, eps=EPSILON)


class ConvNorm(nn.Module):
    """Convolution with 'same' padding (odd kernels) and batch normalisation; the bias folds with the norm."""

    def __init__(
        self, channels: int, width: int, kernel_px: int = 1, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels, width, kernel_px, stride=stride, padding=kernel_px // 2, groups=groups
        )
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, width, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.norm(self.conv(x))
        return y


class LayerScale(nn.Module):
    """A learned factor for each channel of a residual branch (CaiT, arXiv 2103.17239)."""

    def __init__(self, channels: int, *, tokens: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), LAYER_SCALE_INIT))
        self.tokens = tokens

    def forward(self, x: Tensor) -> Tensor:
        """Scale (B, C, H, W), or (B, N, C) if ``tokens``."""
        return x * (self.gamma if self.tokens else self.gamma.view(1, -1, 1, 1))

    def extra_repr(self) -> str:
        """Channels, for print(model)."""
        return f"{self.gamma.numel()}"


class DropPath(nn.Module):
    """Drop the whole branch of a sample while training (stochastic depth, arXiv 1603.09382), unbiased."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise InvalidArchitecture(f"drop_path must lie in [0, 1), not {rate}")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` of any shape (B, ...); a share ``rate`` of the samples is zeroed in training mode."""
        if self.rate == 0.0 or not self.training:
            return x
        keep = 1.0 - self.rate
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask / keep

    def extra_repr(self) -> str:
        """Rate, for print(model)."""
        return f"{self.rate}"


class ConvMlp(nn.Module):
    """1x1 conv, BN, GELU, [depthwise 3x3, BN, GELU], 1x1 conv, BN: the MLP of EfficientFormer's maps."""

    def __init__(self, width: int, hidden: int, *, depthwise: bool) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, hidden, 1)
        self.norm1 = nn.BatchNorm2d(hidden)
        self.act = nn.GELU()
        self.local: nn.Module = nn.Identity()
        if depthwise:
            self.local = nn.Sequential()
            self.local.add_module("conv", nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden))
            self.local.add_module("norm", nn.BatchNorm2d(hidden))
            self.local.add_module("act", nn.GELU())
        self.fc2 = nn.Conv2d(hidden, width, 1)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = self.act(self.norm1(self.fc1(x)))  # (B, hidden, H, W)
        x = self.local(x)
        y: Tensor = self.norm2(self.fc2(x))
        return y
