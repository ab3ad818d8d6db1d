"""Parameters that depend on the number of tokens, resampled to another number."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

OFFSET_BIASES = "bias.table"  # (heads, side**2): one for each offset, see `vitnas.ops._bias`
POSITIONS = "positions"  # (1, [extra +] side**2, C), or (1, C, side, side)


def resize(name: str, value: Tensor, shape: torch.Size) -> Tensor:
    """A parameter for another number of tokens.

    Args:
        name: of the parameter; its end says what it is.
        value: the parameter.
        shape: that it is to have.

    Raises:
        ValueError: nothing is known of how such a parameter depends on the tokens.
    """
    if value.shape == shape:
        return value
    if name.endswith(OFFSET_BIASES) and value.ndim == 2:
        return _offset_biases(value, shape)
    if name.endswith(POSITIONS) and value.ndim == 4:
        return F.interpolate(value.float(), size=shape[2:], mode="bicubic", antialias=True).to(value.dtype)
    if name.endswith(POSITIONS) and value.ndim == 3:
        return _positions(value, shape)
    raise ValueError(
        f"'{name}' would change from {tuple(value.shape)} to {tuple(shape)}, and only attention biases "
        f"('{OFFSET_BIASES}') and positions ('{POSITIONS}') can be resized"
    )


def _offset_biases(table: Tensor, shape: torch.Size) -> Tensor:
    """(heads, side**2); the smallest and the largest offset keep their values."""
    side, new_side = math.isqrt(table.shape[1]), math.isqrt(shape[1])
    plane = table.float().reshape(1, -1, side, side)
    plane = F.interpolate(plane, size=(new_side, new_side), mode="bilinear", align_corners=True)
    return plane.reshape(-1, new_side**2).to(table.dtype)


def _positions(table: Tensor, shape: torch.Size) -> Tensor:
    """(1, extra + side**2, C); those of extra tokens, which stand before the others, stay."""
    side, new_side = math.isqrt(table.shape[1]), math.isqrt(shape[1])
    extra = table.shape[1] - side**2
    plane = table[:, extra:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, C, H, W)
    plane = F.interpolate(plane, size=(new_side, new_side), mode="bicubic", antialias=True)
    resized = plane.flatten(2).transpose(1, 2).to(table.dtype)
    return torch.cat((table[:, :extra], resized), dim=1)
