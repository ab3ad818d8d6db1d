"""Contextual relative positions of AutoFormer (arXiv 2107.00651, after Shaw et al., arXiv 1803.02155)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitnas.ops._indexed import Indexed

MAX_OFFSET = 14  # rows or columns; pairs further apart share the outermost vectors


class RelativePosition(Indexed):
    """One vector for each row offset and one for each column offset; a pair of tokens has the sum of its two.

    Offset d from query to key stands at ``d + MAX_OFFSET + 1`` of a table, d clipped to +-MAX_OFFSET; place 0
    is for every pair with a class token. All heads share the tables. One state fits every resolution.

    Args:
        side_px: side of the map whose places the tokens are, in row-major order after the extra ones.
        head_dim: channels of a vector.
        extra_tokens: tokens without a place.
    """

    def __init__(self, side_px: int, head_dim: int, *, extra_tokens: int = 0) -> None:
        super().__init__()
        self.side_px, self.extra_tokens = side_px, extra_tokens
        self.rows = nn.Parameter(torch.empty(2 * MAX_OFFSET + 2, head_dim))
        self.columns = nn.Parameter(torch.empty(2 * MAX_OFFSET + 2, head_dim))
        self.add_index()
        self.reset_parameters()

    def offsets(self, device: torch.device) -> Tensor:
        """Place in a table for each coordinate of query and key: (side_px, side_px), int64."""
        places = torch.arange(self.side_px, device=device)
        return (places - places[:, None]).clamp(-MAX_OFFSET, MAX_OFFSET) + MAX_OFFSET + 1

    def no_weight_decay(self) -> set[str]:
        """Its parameters that should not decay."""
        return {"rows", "columns"}

    def reset_parameters(self) -> None:
        """Draw the tables as AutoFormer does, truncated normal 0.02."""
        nn.init.trunc_normal_(self.rows, std=0.02)
        nn.init.trunc_normal_(self.columns, std=0.02)

    def scores(self, query: Tensor) -> Tensor:
        """Product of each query with the vector of each of its pairs.

        A pair's vector is a sum of two, so products are taken along rows and along columns, and never for all
        pairs of places.

        Args:
            query: (B, heads, N, head_dim).

        Returns:
            (B, heads, N, N), queries before keys.
        """
        side, extra = self.side_px, self.extra_tokens
        batch, heads, _, head_dim = query.shape
        grid = query[:, :, extra:].reshape(batch, heads, side, side, head_dim)
        by_row = torch.einsum("bhyxd,ykd->bhyxk", grid, self.rows[self.index])
        by_column = torch.einsum("bhyxd,xkd->bhyxk", grid, self.columns[self.index])
        pairs = (by_row.unsqueeze(-1) + by_column.unsqueeze(-2)).flatten(4).flatten(2, 3)
        if not extra:
            return pairs
        apart = query @ (self.rows[0] + self.columns[0]).unsqueeze(-1)  # (B, heads, N, 1)
        without_place = apart[:, :, :extra].expand(-1, -1, -1, side * side + extra)
        return torch.cat(
            (without_place, torch.cat((apart[:, :, extra:].expand(-1, -1, -1, extra), pairs), -1)), 2
        )

    def mixed(self, weights: Tensor) -> Tensor:
        """Mean of the vectors of each query's pairs.

        Args:
            weights: (B, heads, N, N), queries before keys.

        Returns:
            (B, heads, N, head_dim).
        """
        side, extra = self.side_px, self.extra_tokens
        batch, heads = weights.shape[:2]
        grid = weights[:, :, extra:, extra:].reshape(batch, heads, side, side, side, side)
        by_row = torch.einsum("bhyxk,ykd->bhyxd", grid.sum(-1), self.rows[self.index])
        by_column = torch.einsum("bhyxk,xkd->bhyxd", grid.sum(-2), self.columns[self.index])
        places = (by_row + by_column).flatten(2, 3)
        if not extra:
            return places
        apart = self.rows[0] + self.columns[0]
        share = weights[:, :, extra:, :extra].sum(-1, keepdim=True)
        without_place = weights[:, :, :extra].sum(-1, keepdim=True) * apart
        return torch.cat((without_place, places + share * apart), 2)
