"""The block of ViT and PiT as published: heads share the width."""

from __future__ import annotations

from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._layers import require_positive, require_same_width, require_tokens
from vitnas.ops._prenorm import PreNormBlock
from vitnas.ops.transformer_block import SelfAttention


class SplitHeadBlock(PreNormBlock):
    """Pre-norm self-attention and MLP on tokens, the width shared among the heads (ViT, arXiv 2010.11929).

    The number of heads changes neither parameters nor multiply-accumulates of the projections.
    `transformer_block` gives each head a width of its own instead.

    Args:
        inputs: tokens of ``width`` channels, with or without a class token.
        width: channels, a multiple of ``heads``.
        expansion: hidden channels of the MLP over ``width``.
        heads: attention heads, of ``width / heads`` channels each.
        drop_path: share of samples whose branches are dropped in training.

    Raises:
        InvalidArchitecture: a feature map, another width, heads that do not divide it, or an argument that
            is not positive.
    """

    roles = {"expansion": "expansion", "heads": "heads"}

    def __init__(
        self,
        inputs: Features,
        width: int,
        *,
        expansion: float = 4.0,
        heads: int = 4,
        drop_path: float = 0.0,
    ) -> None:
        require_tokens("split_head_block", inputs)
        require_same_width("split_head_block", inputs, width)
        require_positive("split_head_block", heads=heads)
        if width % heads:
            raise InvalidArchitecture(
                f"split_head_block shares its width among the heads, but {heads} heads do not divide {width}"
            )
        attention = SelfAttention(width, heads=heads, head_dim=width // heads)
        super().__init__("split_head_block", attention, width, expansion, drop_path)
