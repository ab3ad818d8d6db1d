"""Norm, average over tokens, and a classifier of two layers."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._layers import require_places, require_positive


class MlpClassifier(nn.Module):
    """LayerNorm, mean of the tokens, linear, tanh, linear (As-ViT, arXiv 2202.11921).

    Args:
        inputs: tokens without class token.
        width: number of classes.

    Raises:
        InvalidArchitecture: a feature map, a class token, or no class.
    """

    def __init__(self, inputs: Features, width: int) -> None:
        super().__init__()
        require_places("mlp_classifier", inputs)
        require_positive("mlp_classifier", classes=width)
        self.norm = nn.LayerNorm(inputs.channels)
        self.hidden = nn.Linear(inputs.channels, inputs.channels)
        self.act = nn.Tanh()
        self.head = nn.Linear(inputs.channels, width)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of (B, N, C)."""
        x = self.norm(x).mean(dim=1)
        y: Tensor = self.head(self.act(self.hidden(x)))
        return y
