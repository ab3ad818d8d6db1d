"""The head of a plain vision transformer."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import layer_norm, require_positive, require_tokens


class TokenClassifier(nn.Module):
    """Final LayerNorm, then a linear classifier of the class token or of the mean token (ViT, AutoFormer).

    Args:
        inputs: tokens.
        width: number of classes.
        pool: "class" reads the class token (ViT, DeiT), "mean" the average of the others (AutoFormer),
            "auto" the class token if there is one.

    Raises:
        InvalidArchitecture: a feature map, "class" without a class token, or no class.
    """

    def __init__(
        self, inputs: Features, width: int, *, pool: Literal["auto", "class", "mean"] = "auto"
    ) -> None:
        super().__init__()
        require_tokens("token_classifier", inputs)
        require_positive("token_classifier", classes=width)
        if pool not in ("auto", "class", "mean"):
            raise InvalidArchitecture(
                f"token_classifier: pool must be 'auto', 'class' or 'mean', not {pool!r}"
            )
        if pool == "class" and not inputs.extra_tokens:
            raise InvalidArchitecture("token_classifier: pool 'class' needs a class token but gets none")
        self.extra_tokens = inputs.extra_tokens
        self.mean = pool == "mean" or not inputs.extra_tokens
        self.norm = layer_norm(inputs.channels)
        self.head = nn.Linear(inputs.channels, width)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of (B, N, C)."""
        kept = self.norm(x)[:, self.extra_tokens :].mean(dim=1) if self.mean else self.norm(x[:, 0])
        logits: Tensor = self.head(kept)  # of (B, C)
        return logits
