"""The cross-check: the same counts by fvcore, which traces the module with torch.jit on real tensors.

fvcore ignores fused attention, and it also counts norms and resizing; here attention is unfused and only
convolutions, linear layers and matrix products are kept, so the totals equal `vitnas.cost.trace` to the
last MAC.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUP_OF_OPERATOR = {
    "conv": "conv",
    "linear": "linear",
    "addmm": "linear",
    "matmul": "matmul",
    "bmm": "matmul",
    "einsum": "matmul",
}


def fvcore_macs(module: nn.Module, *inputs: Tensor | tuple[int, ...]) -> dict[str, int]:
    """MACs by operator: keys ``conv``, ``linear``, ``matmul``.

    Args:
        module: on a real device; run in eval mode, left as it was.
        inputs: tensors, or shapes to fill with zeros.
    """
    from fvcore.nn import FlopCountAnalysis

    return _count(FlopCountAnalysis, module, inputs)


def fvcore_activations(module: nn.Module, *inputs: Tensor | tuple[int, ...]) -> dict[str, int]:
    """Output elements by operator: keys ``conv``, ``linear``, ``matmul``. Arguments as in `fvcore_macs`."""
    from fvcore.nn import ActivationCountAnalysis

    return _count(ActivationCountAnalysis, module, inputs)


def _count(analysis: Any, module: nn.Module, inputs: tuple[Tensor | tuple[int, ...], ...]) -> dict[str, int]:
    tensors = tuple(x if isinstance(x, Tensor) else torch.zeros(x) for x in inputs)
    subject = copy.deepcopy(module).eval()
    with warnings.catch_warnings(), _unfused_attention(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("fvcore").setLevel(logging.ERROR)
        counted = analysis(subject, tensors)
        counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        by_operator = counted.by_operator()
    totals = dict.fromkeys(("conv", "linear", "matmul"), 0)
    for operator, count in by_operator.items():
        if operator in _GROUP_OF_OPERATOR:
            totals[_GROUP_OF_OPERATOR[operator]] += int(count)
    return totals


@contextmanager
def _unfused_attention() -> Iterator[None]:
    """Swap torch's attention for its two matrix products: fvcore has no count for the fused call."""
    fused = functional.scaled_dot_product_attention
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    functional.scaled_dot_product_attention = _attention  # type: ignore[assignment]
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = fused
        torch.backends.mha.set_fastpath_enabled(was_enabled)


def _attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *_: Any, **__: Any
) -> Tensor:
    """Attention of (..., N, D) queries over (..., M, D) keys; enough of it to be counted."""
    return (q @ k.transpose(-2, -1)).softmax(dim=-1) @ v
