"""The learned attention bias of LeViT (arXiv 2104.01136): one value for each head and absolute offset."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitnas.ops._indexed import Indexed


class OffsetBias(Indexed):
    """A table of one bias for each head and offset (abs dy, abs dx), spread over all query and key pairs.

    The head axis comes first, so that a leading slice of the table is whole heads.

    Args:
        heads: number of heads.
        side_px: side of the key map; the table has side_px**2 offsets.
        query_stride: queries sit at every ``query_stride``-th row and column of the key map.
    """

    def __init__(self, heads: int, side_px: int, *, query_stride: int = 1) -> None:
        super().__init__()
        self.side_px, self.query_stride = side_px, query_stride
        self.table = nn.Parameter(torch.zeros(heads, side_px**2))
        self.add_index()

    def offsets(self, device: torch.device) -> Tensor:
        """Place in the table for each query and key: (queries, keys), int64."""
        keys = torch.arange(self.side_px, device=device)
        queries = torch.arange(0, self.side_px, self.query_stride, device=device)
        offset = (queries[:, None] - keys[None, :]).abs()  # (q, k) along one axis
        rows, columns = offset[:, None, :, None], offset[None, :, None, :]  # (qy, qx, ky, kx) by broadcasting
        return (rows * self.side_px + columns).reshape(len(queries) ** 2, len(keys) ** 2)

    def no_weight_decay(self) -> set[str]:
        """Its parameters that should not decay."""
        return {"table"}

    def reset_parameters(self) -> None:
        """Zero the table."""
        nn.init.zeros_(self.table)

    def forward(self) -> Tensor:
        """Bias of every pair: (heads, queries, keys)."""
        return self.table[:, self.index]
