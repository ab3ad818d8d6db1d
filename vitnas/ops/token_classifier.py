"""The head of a plain vision transformer."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._classifier import Classifier
from vitnas.ops._layers import layer_norm, require_tokens


class TokenClassifier(Classifier):
    """Final LayerNorm, then a linear classifier of the class token or of the mean token (ViT, AutoFormer).

    Args:
        inputs: tokens.
        width: number of classes; 0 gives the features that a classifier would read.
        pool: "class" reads the class token (ViT, DeiT), "mean" the average of the others (AutoFormer),
            "auto" the class token if there is one.

    Raises:
        InvalidArchitecture: a feature map, or "class" without a class token.
    """

    def __init__(
        self, inputs: Features, width: int, *, pool: Literal["auto", "class", "mean"] = "auto"
    ) -> None:
        super().__init__()
        require_tokens("token_classifier", inputs)
        if pool not in ("auto", "class", "mean"):
            raise InvalidArchitecture(
                f"token_classifier: pool must be 'auto', 'class' or 'mean', not {pool!r}"
            )
        if pool == "class" and not inputs.extra_tokens:
            raise InvalidArchitecture("token_classifier: pool 'class' needs a class token but gets none")
        self.extra_tokens = inputs.extra_tokens
        self.mean = pool == "mean" or not inputs.extra_tokens
        self.norm = layer_norm(inputs.channels)
        self.add_classifiers("token_classifier", inputs.channels, width)

    def pooled(self, x: Tensor) -> Tensor:
        """The class token or the mean token, (B, C), of (B, N, C)."""
        kept: Tensor = self.norm(x)[:, self.extra_tokens :].mean(dim=1) if self.mean else self.norm(x[:, 0])
        return kept
