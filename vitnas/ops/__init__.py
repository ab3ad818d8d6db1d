"""Operators, one file each, and what an operator's file needs: all names here are public."""

from __future__ import annotations

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._bias import OffsetBias
from vitnas.ops._classifier import Classifier
from vitnas.ops._indexed import Indexed
from vitnas.ops._layers import (
    ConvMlp,
    ConvNorm,
    DropPath,
    LayerScale,
    hidden_width,
    layer_norm,
    require_map,
    require_places,
    require_positive,
    require_same_width,
    require_square,
    require_tokens,
    value_width,
)
from vitnas.ops._prenorm import PreNormBlock, split_heads
from vitnas.ops._relative import RelativePosition
from vitnas.ops.attention_mlp import TokenMlp

__all__ = [
    "Classifier",
    "ConvMlp",
    "ConvNorm",
    "DropPath",
    "Features",
    "Indexed",
    "InvalidArchitecture",
    "LayerScale",
    "OffsetBias",
    "PreNormBlock",
    "RelativePosition",
    "TokenMlp",
    "hidden_width",
    "layer_norm",
    "require_map",
    "require_places",
    "require_positive",
    "require_same_width",
    "require_square",
    "require_tokens",
    "split_heads",
    "value_width",
]
