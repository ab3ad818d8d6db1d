"""Attention at initialisation, where all weights are nearly alike: the same result in less time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class EarlyAttention(TorchFunctionMode):
    """Within it, ``scaled_dot_product_attention`` is computed for networks at initialisation.

    There queries and keys are small, exp(s) is nearly 1 + s for the logits s, and the sums over keys are the
    same for all queries: tokens x head_dim work instead of tokens**2. It is done where the root mean square
    of the centred logits, which is computed exactly, is at most ``small``. In As-ViT's networks it is 1e-5
    without norms (the length distortion changes by 1e-8 of itself) and .01 to .07 with them (ln of the
    condition number changes by 1e-5, where seeds differ by .1).

    Elsewhere attention is computed as it is; in blocks if ``forward_mode``, since torch's kernels have no
    forward derivative and its plain formula keeps a dozen whole matrices. Calls with a mask, dropout or
    another option are left alone.

    Args:
        forward_mode: whether derivatives are taken forward.
        small: root mean square of logits up to which exp(s) counts as 1 + s.
        block: elements of the attention matrix that are worked on at once: they stay in the cache.
    """

    def __init__(self, *, forward_mode: bool, small: float = 0.1, block: int = 1 << 18) -> None:
        super().__init__()
        self._forward_mode = forward_mode
        self._small = small
        self._block = block

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Every call of a torch function comes here."""
        if func is F.scaled_dot_product_attention and len(args) == 3 and not kwargs:
            return self._attend(*args)
        return func(*args, **(kwargs or {}))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(..., N, d), (..., M, d), (..., M, e) -> (..., N, e)."""
        if q.ndim == 4 and 2 * q.shape[-1] < k.shape[-2]:
            found = _first_order(q, k, v, self._small)
            if found is not None:
                return found
        return (
            _in_blocks(q, k, v, self._block)
            if self._forward_mode
            else F.scaled_dot_product_attention(q, k, v)
        )


def _first_order(q: Tensor, k: Tensor, v: Tensor, small: float) -> Tensor | None:
    """Sum of (1 + s) v over the number of keys, s = q . (k - mean of k) / sqrt(d); None if s is too large.

    One vector for all keys shifts all logits of a query alike, so it has no part in attention. All heads are
    one product, of which only what stays within a head counts: they lie side by side in memory already.
    """
    heads, width, tokens = q.shape[1], q.shape[-1], k.shape[-2]
    q, k, v = (x.transpose(1, 2).flatten(2) for x in (q, k, v))  # (B, N, heads * d)
    centre, mean = k.mean(dim=1, keepdim=True), v.mean(dim=1, keepdim=True)
    if logit_size(q, k - centre, heads) > small:
        return None
    same = torch.eye(heads, dtype=q.dtype, device=q.device) * width**-0.5
    same = same.repeat_interleave(width, 0).repeat_interleave(v.shape[-1] // heads, 1)
    joint = (k.mT @ v / tokens - centre.mT @ mean) * same  # (B, heads * d, heads * e)
    mixed: Tensor = mean + q @ joint  # (B, N, heads * e)
    return mixed.reshape(*mixed.shape[:2], heads, -1).transpose(1, 2)


@torch.no_grad()
def logit_size(q: Tensor, k: Tensor, heads: int) -> float:
    """Root mean square of the logits q . k / sqrt(d) over all pairs of tokens; of the largest image and head.

    It is exact: the trace of (q^T q)(k^T k) over the number of pairs. q, k (B, N, heads * d).
    """
    batch, queries, channels = q.shape
    width = channels // heads
    products = (q.mT @ q) * (k.mT @ k)  # (B, heads * d, heads * d)
    squares = products.reshape(batch, heads, width, heads, width).sum(dim=(2, 4)).diagonal(dim1=1, dim2=2)
    return math.sqrt(max(float(squares.max()), 0.0) / (width * queries * k.shape[1]))


def _in_blocks(q: Tensor, k: Tensor, v: Tensor, block: int) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, for a part of the matrices at once."""
    lead, tokens = q.shape[:-2], k.shape[-2]
    q, k, v = (x.reshape(-1, *x.shape[-2:]) for x in (q * q.shape[-1] ** -0.5, k, v))
    heads, rows = max(1, block // (q.shape[1] * tokens)), max(1, block // tokens)
    found = [
        torch.cat([(part @ kh.mT).softmax(dim=-1) @ vh for part in torch.split(qh, rows, dim=1)], dim=1)
        for qh, kh, vh in zip(*(torch.split(x, heads) for x in (q, k, v)), strict=True)
    ]
    return torch.cat(found).reshape(*lead, q.shape[1], v.shape[-1])
