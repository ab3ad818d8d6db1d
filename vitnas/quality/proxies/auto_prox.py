"""A combination of gradient statistics that an evolution has found."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy
from vitnas.quality.proxies._linear import LinearLayers, linear_layers

PART = 1 << 15  # elements


class AutoProx(Proxy):
    """ln of the size of attention's gradients plus the sigmoid of others' (Auto-Prox A); mostly width.

    Wei et al., "Auto-Prox: Training-Free Vision Transformer Architecture Search via Automatic Proxy
    Discovery" (AAAI 2024, arXiv 2312.09059), as ported into later comparisons (AutoProxA): the pass of DSS
    (absolute parameters, one all-ones image, summed logits); a layer of attention adds sum |gradient|, every
    other linear layer the mean of sigmoid(gradient). The expression tree in the authors' own code reads
    other statistics and cannot be run as released. The logarithm is ours; ranks do not change.

    Which layers are which: see `_linear` and `Dss`.

    Known on plain ViTs (80 to 120 networks): Kendall tau .23 on AutoFormer-T, .69 on -S, .04 on -B, .21 on
    PiT, where the number of parameters has .47, .77, .04 and .78. Published on 1000 networks of -T: .477.
    """

    needs = "synaptic"

    def __init__(self) -> None:
        self._layers = LinearLayers((), ())

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Nothing is hooked; the layers are sorted."""
        self._layers = linear_layers(network)
        return []

    def score(self, gradients: Gradients | None) -> float:
        """ln(sum over layers)."""
        assert gradients is not None
        found = gradients.mean
        attention = [found[name] for names in self._layers.attention for name in names if name in found]
        others = [found[name] for name in self._layers.others if name in found]
        total = sum(_sum(torch.abs, g) for g in attention)
        total += sum(_sum(torch.sigmoid, g) / g.numel() for g in others)
        return math.log(total)


def _sum(function: Callable[[Tensor], Tensor], gradient: Tensor) -> float:
    """Sum of a function of each element, by parts that stay in the cache."""
    parts = gradient.flatten().split(PART)  # type: ignore[no-untyped-call]
    return sum(float(function(part).sum()) for part in parts)
