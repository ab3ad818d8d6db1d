"""Sample-wise activation patterns: which images switch a unit on, as a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def packed(values: Tensor) -> Tensor:
    """For each unit a bit an image, whether its value (B, ...) is positive: (units, ceil(B / 32)), int32.

    The bits are put together in bytes, an eighth of the memory of what takes a bit at a time in int64.
    """
    bits = (values > 0).flatten(1).view(torch.uint8)
    octets = bits.new_zeros(bits.shape[1], 4 * -(-len(bits) // 32))
    for place, part in enumerate(bits.split(8)):  # type: ignore[no-untyped-call]
        octet = part[0]
        for bit in part[1:]:
            octet = torch.add(bit, octet, alpha=2)
        octets[:, place] = octet
    return octets.view(torch.int32)


def distinct(patterns: Sequence[Tensor]) -> int:
    """Number of different rows of all (units, columns) together; exact."""
    rows = torch.cat(list(patterns)).cpu().numpy()
    if rows.shape[1] > 2:
        return len(np.unique(rows, axis=0))
    # numbers sort much faster than rows
    numbers = np.sort(rows.view(np.int32 if rows.shape[1] == 1 else np.int64).ravel())
    return 1 + int(np.count_nonzero(numbers[1:] != numbers[:-1]))


def all_finite(values: Tensor) -> bool:
    """Whether no value is infinite or nan; the sum of finite values nearly always says so, and fast."""
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())
