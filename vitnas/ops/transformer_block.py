"""The block of a plain vision transformer."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._layers import require_positive, require_same_width, require_tokens
from vitnas.ops._prenorm import PreNormBlock, split_heads


class SelfAttention(nn.Module):
    """Multi-head self-attention whose heads have a width of their own.

    The projections of queries, keys and values are separate and a head's width is fixed, so that a leading
    slice of each weight is whole heads, and the width of the tokens is free of their number (as in
    AutoFormer, arXiv 2107.00651).
    """

    def __init__(self, width: int, *, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, heads * head_dim)
        self.k = nn.Linear(width, heads * head_dim)
        self.v = nn.Linear(width, heads * head_dim)
        self.proj = nn.Linear(heads * head_dim, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        q, k, v = (split_heads(project(x), self.heads) for project in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v)  # (B, heads, N, head_dim)
        y: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return y


class TransformerBlock(PreNormBlock):
    """Pre-norm self-attention and MLP on tokens (ViT, arXiv 2010.11929; DeiT, arXiv 2012.12877).

    Args:
        inputs: tokens of ``width`` channels, with or without a class token.
        width: channels.
        expansion: hidden channels of the MLP over ``width`` (4 in ViT and DeiT).
        heads: attention heads.
        head_dim: channels of a head's query, key and value (64 in ViT and DeiT).
        drop_path: share of samples whose branches are dropped in training.

    Raises:
        InvalidArchitecture: a feature map, another width, or an argument that is not positive.
    """

    roles = {"expansion": "expansion", "heads": "heads", "head_dim": "value_dim"}
    op = "transformer_block"

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        expansion: float = 4.0,
        heads: int = 3,
        head_dim: int = 64,
        drop_path: float = 0.0,
    ) -> None:
        require_tokens(self.op, inputs)
        require_same_width(self.op, inputs, width)
        require_positive(self.op, heads=heads, head_dim=head_dim)
        super().__init__(self.op, self.attend(inputs, heads, head_dim), width, expansion, drop_path)

    @staticmethod
    def attend(inputs: Features, heads: int, head_dim: int) -> nn.Module:
        """The attention."""
        return SelfAttention(inputs.channels, heads=heads, head_dim=head_dim)
