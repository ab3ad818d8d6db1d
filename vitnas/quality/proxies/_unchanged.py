"""Leave a network as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn


@contextmanager
def unchanged(network: nn.Module, *, weights: bool) -> Iterator[None]:
    """Afterwards the network's buffers, and with ``weights`` its parameters, have their bits of before.

    Buffers always: batch normalisation counts and averages in every pass in training mode.
    """
    tensors = list(chain(network.buffers(), network.parameters() if weights else ()))
    kept = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in zip(tensors, kept, strict=True):
                tensor.copy_(before)
