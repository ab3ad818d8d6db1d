"""AutoFormer's block: a plain vision transformer's, with relative positions."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.arch.features import Features
from vitnas.ops._layers import require_square
from vitnas.ops._prenorm import split_heads
from vitnas.ops._relative import RelativePosition
from vitnas.ops.transformer_block import TransformerBlock


class RelativeAttention(nn.Module):
    """Self-attention with relative positions on keys and values; see ``AutoformerBlock``."""

    def __init__(self, inputs: Features, *, heads: int, head_dim: int) -> None:
        super().__init__()
        require_square("autoformer_block", inputs)
        width, inner = inputs.channels, heads * head_dim
        self.heads = heads
        self.scale = head_dim**-0.5
        self.q = nn.Linear(width, inner)
        self.k = nn.Linear(width, inner)
        self.v = nn.Linear(width, inner)
        self.key_positions = RelativePosition(inputs.side_px, head_dim, extra_tokens=inputs.extra_tokens)
        self.value_positions = RelativePosition(inputs.side_px, head_dim, extra_tokens=inputs.extra_tokens)
        self.proj = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, width) to the same shape."""
        q, k, v = (split_heads(project(x), self.heads) for project in (self.q, self.k, self.v))
        scores = (q @ k.transpose(-2, -1) + self.key_positions.scores(q)) * self.scale  # (B, heads, N, N)
        weights = scores.softmax(dim=-1)
        mixed = weights @ v + self.value_positions.mixed(weights)  # (B, heads, N, head_dim)
        y: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return y


class AutoformerBlock(TransformerBlock):
    """Pre-norm attention with relative positions, and an MLP, on tokens (AutoFormer, arXiv 2107.00651).

    A pair of places has a vector for its row offset and one for its column offset, up to 14 each way, which
    are added to its key and, from tables of their own, to its value. Heads share the tables: 4 * 30 *
    ``head_dim`` parameters a block.

    Its arguments are those of `TransformerBlock`; a head has 64 channels in AutoFormer, whatever the width.
    """

    op = "autoformer_block"

    @staticmethod
    def attend(inputs: Features, heads: int, head_dim: int) -> nn.Module:
        """The attention."""
        return RelativeAttention(inputs, heads=heads, head_dim=head_dim)
