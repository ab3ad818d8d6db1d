"""In how many ways the images switch an untrained network's activations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import ACTIVATIONS, Gradients, Proxy

BITS = 62  # of an int64 that are used


class Swap(Proxy):
    """Number of distinct sample-wise activation patterns (SWAP); mostly a count of units.

    Peng et al., "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS" (ICLR 2024, arXiv 2403.04161),
    without its regularisation by size. The pattern of one unit is the sign that it has for each image, one
    bit an image; the score is the number of different patterns among all units of all activations together.
    A unit is a channel at a place. ReLU, GELU, SiLU and Hardswish are positive where their input is, so the
    inputs are read.

    With B images there are 2^B patterns at most: 8 images would give every network 256, so it asks for 32.
    Small networks may tie. Known on plain ViTs (80 to 120 networks): Kendall tau .59 on AutoFormer-T, .77 on
    -S, -.05 on -B, .52 on PiT; depth and widths explain all of it.
    """

    batch = 32

    def __init__(self) -> None:
        self._patterns: dict[str, list[Tensor]] = {}  # name -> of each part, (units, columns)
        self._finite = True

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Hook every activation."""
        handles = []
        for name, module in network.named_modules():
            if isinstance(module, ACTIVATIONS):
                handles.append(module.register_forward_pre_hook(self._hook(name)))
        return handles

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._finite &= bool(torch.isfinite(inputs[0]).all())
            self._patterns.setdefault(name, []).append(packed((inputs[0].detach() > 0).flatten(1)))

        return keep

    def score(self, gradients: Gradients | None) -> float:
        """The count."""
        if not self._patterns:
            raise ValueError("the network has no activation that this proxy knows")
        if not self._finite:
            raise ValueError("what goes into an activation is not finite")
        patterns = torch.cat([torch.cat(parts, dim=1) for parts in self._patterns.values()])
        # sorting numbers is much faster than sorting rows
        found = torch.unique(patterns[:, 0]) if patterns.shape[1] == 1 else torch.unique(patterns, dim=0)
        return float(len(found))


def packed(bits: Tensor) -> Tensor:
    """Each unit's bits (B, units) as numbers: (units, ceil(B / 62)), int64."""
    columns = []
    for part in torch.split(bits, BITS):
        number = torch.zeros(bits.shape[1], dtype=torch.int64, device=bits.device)
        for bit in part:
            number.mul_(2).add_(bit)
        columns.append(number)
    return torch.stack(columns, dim=1)
