"""What the operators of plain vision transformers share."""

from __future__ import annotations

from torch import nn

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture

EPSILON = 1e-6  # of every layer norm in ViT and DeiT; torch's own is 1e-5


def require_tokens(op: str, inputs: Features) -> None:
    """Raise InvalidArchitecture unless ``inputs`` are tokens."""
    if not inputs.tokens:
        raise InvalidArchitecture(
            f"{op} needs tokens (B, N, C) but gets a feature map (B, C, H, W): put patch_embed before it"
        )


def require_places(op: str, inputs: Features) -> None:
    """Raise InvalidArchitecture unless ``inputs`` are tokens that all stand for a place in a map."""
    require_tokens(op, inputs)
    if inputs.extra_tokens:
        raise InvalidArchitecture(f"{op} needs tokens that make up a map: it takes no class token")


def layer_norm(width: int) -> nn.LayerNorm:
    """Normalisation of each token."""
    return nn.LayerNorm(width, eps=EPSILON)
