"""Norm, global average and one or two linear classifiers."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_positive


class PooledClassifier(nn.Module):
    """The head of EfficientFormer: LayerNorm for tokens (v1) or BN for maps (V2), then the mean.

    Args:
        inputs: a feature map, or tokens without class token.
        width: number of classes.
        distilled: a second classifier that learns from a teacher (DeiT, arXiv 2012.12877). In training both
            outputs are returned as (classes, teacher), in evaluation their mean.
        norm: "layer" flattens a map to tokens first; "batch" needs a map; "auto" is "batch" for maps and
            "layer" for tokens. (A v1 network without attention takes "layer", as its authors' code does.)

    Raises:
        InvalidArchitecture: batch norm of tokens, a class token, or no class.
    """

    roles = {"distilled": "switch", "norm": "switch"}

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        distilled: bool = False,
        norm: Literal["auto", "batch", "layer"] = "auto",
    ) -> None:
        super().__init__()
        require_positive("pooled_classifier", classes=width)
        if norm not in ("auto", "batch", "layer"):
            raise InvalidArchitecture(
                f"pooled_classifier: norm must be 'auto', 'batch' or 'layer', not {norm!r}"
            )
        if norm == "batch" and inputs.tokens:
            raise InvalidArchitecture("pooled_classifier: norm 'batch' needs a feature map but gets tokens")
        if inputs.extra_tokens:
            raise InvalidArchitecture("pooled_classifier averages over places: it takes no class token")
        self.layer_norm = norm == "layer" or inputs.tokens
        self.flatten = self.layer_norm and not inputs.tokens
        channels = inputs.channels
        self.norm = nn.LayerNorm(channels) if self.layer_norm else nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, width)
        self.head_distilled = nn.Linear(channels, width) if distilled else None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits (B, classes) of (B, C, H, W) or (B, N, C); two of them if ``distilled`` and training."""
        if self.flatten:
            x = x.flatten(2).transpose(1, 2)  # (B, C, H, W) -> (B, N, C)
        x = self.norm(x).mean(dim=1 if self.layer_norm else (2, 3))  # (B, C)
        logits: Tensor = self.head(x)
        if self.head_distilled is None:
            return logits
        taught: Tensor = self.head_distilled(x)
        return (logits, taught) if self.training else (logits + taught) / 2
