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
        map_px: side of the key map, or its (H, W); the table has H * W offsets.
        query_stride: queries sit at every ``query_stride``-th row and column of the key map.
    """

    def __init__(self, heads: int, map_px: int | tuple[int, int], *, query_stride: int = 1) -> None:
        super().__init__()
        self.map_px = (map_px, map_px) if isinstance(map_px, int) else map_px
        self.query_stride = query_stride
        self.table = nn.Parameter(torch.zeros(heads, self.map_px[0] * self.map_px[1]))
        self.add_index()

    def offsets(self, device: torch.device) -> Tensor:
        """Place in the table for each query and key: (queries, keys), int64."""
        rows, columns = (self._along(size, device) for size in self.map_px)
        # (qy, qx, ky, kx) by broadcasting
        index = rows[:, None, :, None] * self.map_px[1] + columns[None, :, None, :]
        return index.flatten(2).flatten(0, 1)

    def _along(self, size: int, device: torch.device) -> Tensor:
        """Offsets along one axis: (queries, keys)."""
        keys = torch.arange(size, device=device)
        queries = torch.arange(0, size, self.query_stride, device=device)
        return (queries[:, None] - keys[None, :]).abs()

    def no_weight_decay(self) -> set[str]:
        """Its parameters that should not decay."""
        return {"table"}

    def reset_parameters(self) -> None:
        """Zero the table."""
        nn.init.zeros_(self.table)

    def forward(self) -> Tensor:
        """Bias of every pair: (heads, queries, keys)."""
        return self.table[:, self.index]
