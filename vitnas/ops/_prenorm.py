"""What the blocks of plain vision transformers have in common, whatever their attention."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.ops._layers import DropPath
from vitnas.ops.attention_mlp import TokenMlp


class PreNormBlock(nn.Module):
    """Attention and MLP on tokens, each behind a norm and beside the identity (ViT, arXiv 2010.11929).

    Args:
        attention: maps (B, N, width) to the same shape.
        norms: before the attention and before the MLP.
        width: channels.
        hidden: channels of the MLP.
        drop_path: share of samples whose branches are dropped in training.
    """

    def __init__(
        self,
        attention: nn.Module,
        norms: tuple[nn.LayerNorm, nn.LayerNorm],
        width: int,
        hidden: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.norm1 = norms[0]
        self.attention = attention
        self.norm2 = norms[1]
        self.mlp = TokenMlp(width, hidden)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        x = x + self.drop_path(self.attention(self.norm1(x)))
        x = x + self.drop_path(self.mlp(self.norm2(x)))
        return x


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Give each head its channels: (B, N, heads * head_dim) to (B, heads, N, head_dim)."""
    batch, tokens, channels = x.shape
    return x.reshape(batch, tokens, heads, channels // heads).transpose(1, 2)
