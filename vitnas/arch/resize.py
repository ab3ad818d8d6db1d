"""Parameters that depend on the number of tokens, resampled to another number."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OFFSET_BIASES = "bias.table"  # (heads, H * W): one for each offset, see `vitnas.ops._bias`
POSITIONS = "positions"  # (1, [extra +] H * W, C), or (1, C, H, W)


Map = tuple[int, int]  # (H, W)


def maps_of(module: nn.Module) -> dict[str, Map]:
    """The map that each table of attention biases or positions in a module is for, as its own module says."""
    found = {}
    for path, inner in module.named_modules():
        map_px = getattr(inner, "map_px", getattr(inner, "output_px", None))
        for key in inner._parameters:
            name = f"{path}.{key}".lstrip(".")
            if map_px is not None and name.endswith((OFFSET_BIASES, POSITIONS)):
                found[name] = map_px
    return found


def resize(
    name: str, value: Tensor, shape: torch.Size, *, from_px: Map | None = None, to_px: Map | None = None
) -> Tensor:
    """A parameter for another number of tokens.

    Args:
        name: of the parameter; its end says what it is.
        value: the parameter.
        shape: that it is to have.
        from_px, to_px: the maps that it is of and to be of; None for squares.

    Raises:
        ValueError: nothing is known of how such a parameter depends on the tokens, or of the map it is of.
    """
    if value.shape == shape:
        return value
    if name.endswith(POSITIONS) and value.ndim == 4:
        return F.interpolate(value.float(), size=shape[2:], mode="bicubic", antialias=True).to(value.dtype)
    is_biases, is_positions = name.endswith(OFFSET_BIASES), name.endswith(POSITIONS)
    if not (is_biases and value.ndim == 2) and not (is_positions and value.ndim == 3):
        raise ValueError(
            f"'{name}' would change from {tuple(value.shape)} to {tuple(shape)}, and only attention biases "
            f"('{OFFSET_BIASES}') and positions ('{POSITIONS}') can be resized"
        )
    maps = from_px or _square(value.shape[1]), to_px or _square(shape[1])
    resized = _offset_biases(value, *maps) if is_biases else _positions(value, *maps)
    if resized.shape[1] != shape[1]:
        raise ValueError(
            f"'{name}' has {value.shape[1]} places, which are no square map's: build the network that it is "
            "of, with its `resolution_px`"
        )
    return resized


def _square(places: int) -> Map:
    side = math.isqrt(places)
    return side, side


def _offset_biases(table: Tensor, from_px: Map, to_px: Map) -> Tensor:
    """(heads, H * W); the smallest and the largest offset keep their values."""
    plane = table.float()[:, : math.prod(from_px)].reshape(1, -1, *from_px)
    plane = F.interpolate(plane, size=to_px, mode="bilinear", align_corners=True)
    beside = table[:, math.prod(from_px) :]  # none, if it is of this map
    return torch.cat((plane.reshape(-1, math.prod(to_px)).to(table.dtype), beside), dim=1)


def _positions(table: Tensor, from_px: Map, to_px: Map) -> Tensor:
    """(1, extra + H * W, C); those of extra tokens, which stand before the others, stay."""
    extra = table.shape[1] - math.prod(from_px)
    plane = table[:, extra:].float().reshape(1, *from_px, -1).permute(0, 3, 1, 2)  # (1, C, H, W)
    plane = F.interpolate(plane, size=to_px, mode="bicubic", antialias=True)
    resized = plane.flatten(2).transpose(1, 2).to(table.dtype)
    return torch.cat((table[:, :extra], resized), dim=1)
