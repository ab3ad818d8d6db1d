"""The stem of a plain vision transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_map, require_positive


class PatchEmbed(nn.Module):
    """Patches of the image as tokens, a class token, and learned positions (ViT, arXiv 2010.11929).

    Args:
        inputs: the image as features.
        width: channels of a token.
        patch_px: side of a patch; the image is a whole number of them.
        class_token: put a learned token before the patches, for `token_classifier` to read.

    Raises:
        InvalidArchitecture: tokens, an image that is no whole number of patches, or a width that is not
            positive.
    """

    def __init__(self, inputs: Features, width: int, *, patch_px: int = 16, class_token: bool = True) -> None:
        super().__init__()
        require_map("patch_embed", inputs)
        require_positive("patch_embed", channels=inputs.channels, width=width, patch_px=patch_px)
        if side := next((side for side in inputs.map_px if side % patch_px), 0):
            raise InvalidArchitecture(
                f"patch_embed cuts the image into patches of {patch_px} px, which resolution "
                f"{side} px is no multiple of: take one that is, such as "
                f"{max(1, round(side / patch_px)) * patch_px}"
            )
        self.output_px = (inputs.side_px // patch_px, inputs.width_px // patch_px)
        tokens = self.output_px[0] * self.output_px[1] + int(class_token)
        self.proj = nn.Conv2d(inputs.channels, width, patch_px, stride=patch_px)
        self.class_token = nn.Parameter(torch.empty(1, 1, width)) if class_token else None
        self.positions = nn.Parameter(torch.empty(1, tokens, width))
        self.reset_parameters()

    def no_weight_decay(self) -> set[str]:
        """Its parameters that should not decay."""
        return {"positions", "class_token"}

    def reset_parameters(self) -> None:
        """Draw class token and positions anew, as DeiT does: truncated normal 0.02."""
        nn.init.trunc_normal_(self.positions, std=0.02)
        if self.class_token is not None:
            nn.init.trunc_normal_(self.class_token, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, N, width), the class token first."""
        x = self.proj(x).flatten(2).transpose(1, 2)  # (B, patches, width)
        if self.class_token is not None:
            x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x), dim=1)
        return x + self.positions
