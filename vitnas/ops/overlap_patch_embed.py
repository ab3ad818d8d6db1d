"""A stem that cuts the image into patches which may overlap."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_map, require_positive


class OverlapPatchEmbed(nn.Module):
    """Patches that may overlap, as tokens, and a norm; no positions (As-ViT, arXiv 2202.11921).

    Args:
        inputs: the image as features; its side is a multiple of the stride.
        width: channels of a token.
        kernel_px: side of a patch, at least the stride (4 to 8 in As-ViT). Zeros around the image keep the
            number of tokens; with an odd excess there is one more on the right and at the bottom.
        stride: patches start at every stride-th pixel.

    Raises:
        InvalidArchitecture: tokens, an image that is no multiple of the stride, a kernel below it, or a width
            that is not positive.
    """

    def __init__(self, inputs: Features, width: int, *, kernel_px: int = 4, stride: int = 4) -> None:
        super().__init__()
        require_map("overlap_patch_embed", inputs)
        require_positive("overlap_patch_embed", width=width, stride=stride)
        if kernel_px < stride:
            raise InvalidArchitecture(
                f"overlap_patch_embed: kernel_px {kernel_px} is below the stride {stride}, which leaves gaps"
            )
        if side := next((side for side in inputs.map_px if side % stride), 0):
            raise InvalidArchitecture(
                f"overlap_patch_embed: resolution {side} px is no multiple of the stride {stride}"
            )
        self.output_px = (inputs.side_px // stride, inputs.width_px // stride)
        excess = kernel_px - stride
        self.padding = (excess // 2, excess - excess // 2) * 2
        self.proj = nn.Conv2d(inputs.channels, width, kernel_px, stride=stride)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, H * W / stride**2, width)."""
        x = self.proj(F.pad(x, self.padding)).flatten(2).transpose(1, 2)
        y: Tensor = self.norm(x)
        return y
