"""In how many ways the images switch an untrained network's activations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy, hook_activations
from vitnas.quality.proxies._patterns import all_finite, distinct, packed


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
        return hook_activations(network, self._keep)

    def _keep(self, name: str, values: Tensor) -> None:
        self._finite &= all_finite(values)
        self._patterns.setdefault(name, []).append(packed(values))

    def score(self, gradients: Gradients | None) -> float:
        """The count."""
        if not self._patterns:
            raise ValueError("the network has no activation that this proxy knows")
        if not self._finite:
            raise ValueError("what goes into an activation is not finite")
        # the parts of a batch are columns: their images are others
        return float(distinct([torch.cat(parts, dim=1) for parts in self._patterns.values()]))
