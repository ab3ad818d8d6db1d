"""Norm, global average and one or two linear classifiers."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._classifier import Classifier


class PooledClassifier(Classifier):
    """The head of EfficientFormer: LayerNorm for tokens (v1) or BN for maps (V2), then the mean.

    Args:
        inputs: a feature map, or tokens without class token.
        width: number of classes; 0 gives the features that a classifier would read.
        distilled: a second classifier that can learn from a teacher (DeiT, arXiv 2012.12877). The mean of
            both is returned, or both as (classes, teacher) while ``distilled_training`` is on.
        norm: "layer" flattens a map to tokens first; "batch" needs a map; "auto" is "batch" for maps and
            "layer" for tokens. (A v1 network without attention takes "layer", as its authors' code does.)

    Raises:
        InvalidArchitecture: batch norm of tokens, or a class token.
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
        self.add_classifiers("pooled_classifier", channels, width, distilled=distilled)

    def pooled(self, x: Tensor) -> Tensor:
        """The mean place, (B, C), of (B, C, H, W) or (B, N, C)."""
        if self.flatten:
            x = x.flatten(2).transpose(1, 2)  # (B, C, H, W) -> (B, N, C)
        mean: Tensor = self.norm(x).mean(dim=1 if self.layer_norm else (2, 3))
        return mean
