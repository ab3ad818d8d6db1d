"""What the blocks of plain vision transformers have in common, whatever their attention."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.ops._layers import EPSILON, DropPath, hidden_width
from vitnas.ops.attention_mlp import TokenMlp


class PreNormBlock(nn.Module):
    """Attention and MLP on tokens, each behind a norm and beside the identity (ViT, arXiv 2010.11929).

    Args:
        op: name of the operator, for errors.
        attention: maps (B, N, width) to the same shape.
        width: channels.
        expansion: hidden channels of the MLP over ``width``.
        drop_path: share of samples whose branches are dropped in training.
        epsilon: of the norms.

    Raises:
        InvalidArchitecture: the expansion leaves no channel, or no such share can be dropped.
    """

    def __init__(
        self,
        op: str,
        attention: nn.Module,
        width: int,
        expansion: float,
        drop_path: float,
        *,
        epsilon: float = EPSILON,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.attention = attention
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.mlp = TokenMlp(width, hidden_width(op, width, expansion))
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
