"""Norm, average over tokens, and a classifier of two layers."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._classifier import Classifier
from vitnas.ops._layers import require_places


class MlpClassifier(Classifier):
    """LayerNorm, mean of the tokens, linear, tanh, linear (As-ViT, arXiv 2202.11921).

    Args:
        inputs: tokens without class token.
        width: number of classes; 0 gives the features that a classifier would read.

    Raises:
        InvalidArchitecture: a feature map, or a class token.
    """

    def __init__(self, inputs: Features, width: int) -> None:
        super().__init__()
        require_places("mlp_classifier", inputs)
        self.norm = nn.LayerNorm(inputs.channels)
        self.hidden = nn.Linear(inputs.channels, inputs.channels)
        self.act = nn.Tanh()
        self.add_classifiers("mlp_classifier", inputs.channels, width)

    def pooled(self, x: Tensor) -> Tensor:
        """The hidden layer of the mean token, (B, C), of (B, N, C)."""
        hidden: Tensor = self.act(self.hidden(self.norm(x).mean(dim=1)))
        return hidden
