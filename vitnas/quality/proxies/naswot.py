"""How differently a network's activations switch for different images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy, hook_activations


class Naswot(Proxy):
    """ln|det K| of the agreement of images' activation codes (NASWOT); mostly a count of units.

    Mellor et al., "Neural Architecture Search without Training" (ICML 2021, arXiv 2006.04647). The sign of
    every input of every activation (ReLU, and here GELU, SiLU and Hardswish as well) is a bit of an image's
    code; K[i, j] is the number of bits on which images i and j agree. The authors draw weights from N(0, 1);
    here the network keeps its own initialisation.

    Known on plain ViTs (80 to 120 networks): Kendall tau .60 on AutoFormer-T, .77 on -S, where the number
    of parameters has .47 and .77.
    """

    def __init__(self) -> None:
        self._codes: dict[str, list[Tensor]] = {}  # name -> bits (images, units) of each call

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Hook every activation."""
        return hook_activations(network, self._keep)

    def _keep(self, name: str, values: Tensor) -> None:
        self._codes.setdefault(name, []).append((values > 0).flatten(1))

    def score(self, gradients: Gradients | None) -> float:
        """ln|det K|; minus infinity if two images have one code."""
        if not self._codes:
            raise ValueError("the network has no activation that this proxy knows")
        kernel: Tensor | float = 0.0
        for parts in self._codes.values():
            bits = torch.cat(parts)  # (B, units)
            ones = bits.float()
            both = (ones @ ones.T).double()  # whole numbers, exact in float32 below 2**24
            alone = both.diagonal()
            kernel = kernel + (bits.shape[1] - alone[:, None] - alone + 2 * both)
        assert isinstance(kernel, Tensor)
        _, logarithm = torch.linalg.slogdet(kernel)
        value = float(logarithm)
        if not math.isfinite(value):
            raise ValueError("two images have the same code: the kernel is singular")
        return value
