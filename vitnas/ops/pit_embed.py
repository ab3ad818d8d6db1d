"""The stem of PiT: overlapping patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_map, require_positive


class PitEmbed(nn.Module):
    """Overlapping patches as tokens, learned positions, a class token (PiT, arXiv 2103.16302).

    Args:
        inputs: the image as features.
        width: channels of a token.
        patch_px: side of a patch.
        stride_px: from one patch to the next; what is left at the right and bottom edge is cut off.
        class_token: put a learned token before the patches; it has no position.

    Raises:
        InvalidArchitecture: tokens, an image smaller than a patch, or an argument that is not positive.
    """

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        patch_px: int = 16,
        stride_px: int = 8,
        class_token: bool = True,
    ) -> None:
        super().__init__()
        require_map("pit_embed", inputs)
        require_positive(
            "pit_embed", channels=inputs.channels, width=width, patch_px=patch_px, stride_px=stride_px
        )
        if min(inputs.map_px) < patch_px:
            raise InvalidArchitecture(
                f"pit_embed takes patches of {patch_px} px, and resolution {min(inputs.map_px)} px holds none"
            )
        rows, columns = ((side - patch_px) // stride_px + 1 for side in inputs.map_px)
        self.output_px = (rows, columns)
        self.proj = nn.Conv2d(inputs.channels, width, patch_px, stride=stride_px)
        self.class_token = nn.Parameter(torch.empty(1, 1, width)) if class_token else None
        self.positions = nn.Parameter(torch.empty(1, rows * columns, width))
        self.reset_parameters()

    def no_weight_decay(self) -> set[str]:
        """Its parameters that should not decay."""
        return {"positions", "class_token"}

    def reset_parameters(self) -> None:
        """Draw class token and positions anew, as PiT does: truncated normal 0.02."""
        nn.init.trunc_normal_(self.positions, std=0.02)
        if self.class_token is not None:
            nn.init.trunc_normal_(self.class_token, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, N, width), the class token first."""
        x = self.proj(x).flatten(2).transpose(1, 2) + self.positions  # (B, patches, width)
        if self.class_token is not None:
            x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x), dim=1)
        return x
