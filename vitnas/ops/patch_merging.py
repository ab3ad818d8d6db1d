"""Down-sampling of tokens by merging neighbours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_places, require_positive


class PatchMerging(nn.Module):
    """A norm and a linear layer over kernel x kernel neighbours, half the side (As-ViT, arXiv 2202.11921).

    With a kernel of 2 it is Swin's (arXiv 2103.14030) but for the order of its inputs: channel first, then
    row, then column.

    Args:
        inputs: tokens without class token; of an odd side the larger half goes out.
        width: channels that go out.
        kernel_px: side of the neighbourhood, at least 2 (2 to 4 in As-ViT). Zeros around the map keep half
            the side; of an odd number of them there is one more on the right and at the bottom.

    Raises:
        InvalidArchitecture: a feature map, a class token, a kernel below 2, or a width that is
            not positive.
    """

    def __init__(self, inputs: Features, width: int, *, kernel_px: int = 2) -> None:
        super().__init__()
        require_places("patch_merging", inputs)
        require_positive("patch_merging", width=width)
        if kernel_px < 2:
            raise InvalidArchitecture(
                f"patch_merging: kernel_px {kernel_px} is below the stride 2, which leaves gaps"
            )
        self.map_px, self.kernel_px = inputs.map_px, kernel_px
        self.output_px = ((inputs.side_px + 1) // 2, (inputs.width_px + 1) // 2)
        around = [kernel_px - 2 + side % 2 for side in reversed(inputs.map_px)]  # columns first
        self.padding = (0, 0, *(n for e in around for n in (e // 2, e - e // 2)))  # channels stay
        self.norm = nn.LayerNorm(inputs.channels * kernel_px**2)
        self.reduction = nn.Linear(inputs.channels * kernel_px**2, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, channels) to (B, N / 4, width)."""
        x = x.reshape(x.shape[0], *self.map_px, x.shape[2])
        x = F.pad(x, self.padding)  # (B, H, W, C)
        size, (down, across) = self.kernel_px, (2 * side for side in self.output_px)
        # slices, not unfold: Core ML knows them
        parts = [x[:, i : i + down - 1 : 2, j : j + across - 1 : 2] for i in range(size) for j in range(size)]
        x = torch.stack(parts, dim=-1)  # (B, H/2, W/2, C, k * k)
        y: Tensor = self.reduction(self.norm(x.flatten(3).flatten(1, 2)))
        return y
