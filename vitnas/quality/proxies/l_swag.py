"""How steady each image's gradients are, times how differently the images switch activations."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.arch.network import Stage
from vitnas.quality.proxies._base import ACTIVATIONS, Gradients, Proxy, weight_layers
from vitnas.quality.proxies._patterns import distinct, packed

CHUNK = 16384  # weights


class LSwag(Proxy):
    """Sum over blocks of ln(sum over weights of 1 / std of |gradient|), times SWAP (like L-SWAG).

    After Casarin et al., "L-SWAG: Layer-Sample Wise Activation with Gradients information for Zero-Shot NAS
    on Vision Transformers" (CVPR 2025, arXiv 2505.07300). The deviation runs over images, each with its own
    loss and a random label; weights without any are left out, as in ZiCo. The second factor is the number of
    distinct sample-wise activation patterns in the same blocks (see `Swap`).

    No code is published. The paper chooses the range of blocks once for a space, where the deviation spikes
    in 1000 random networks; those ranges were not readable, so ``start`` and ``end`` take all blocks here.
    A block is one of the network's stages; its weights are those of convolutions and linear layers.

    Known on plain ViTs (80 to 120 networks), of the first factor alone: Kendall tau .63 on AutoFormer-T, .44
    on -S, -.21 on -B, .65 on PiT; depth and widths explain all of it.

    Attributes:
        start: share of the blocks, from the first, that are left out.
        end: share of the blocks after which the others are left out.
    """

    needs = "samples"
    batch = 32
    start: ClassVar[float] = 0.0
    end: ClassVar[float] = 1.0

    def __init__(self) -> None:
        self._block_of: dict[str, int] = {}  # layer -> block
        self._sums: dict[int, float] = {}  # block -> sum of 1 / std
        self._patterns: list[Tensor] = []  # (units, columns)

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Hook the chosen blocks' activations, and note which layers are theirs."""
        blocks = [block for s in network.modules() if isinstance(s, Stage) for block in s.blocks]
        chosen = blocks[round(self.start * len(blocks)) : round(self.end * len(blocks))]
        names = {layer: name for name, layer in weight_layers(network)}
        handles = []
        for index, block in enumerate(chosen):
            for module in block.modules():
                if module in names:
                    self._block_of[names[module]] = index
                elif isinstance(module, ACTIVATIONS):
                    handles.append(module.register_forward_pre_hook(self._keep_pattern))
        return handles

    def _keep_pattern(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._patterns.append(packed(inputs[0].detach()))

    def see(self, layer: str, gradients: Tensor) -> None:
        """Add a layer's sum of 1 / std over the images."""
        if layer in self._block_of:
            block = self._block_of[layer]
            self._sums[block] = self._sums.get(block, 0.0) + inverse_deviation(gradients)

    def score(self, gradients: Gradients | None) -> float:
        """The product of both factors; blocks without any changing gradient are left out of the first."""
        if not self._sums or not self._patterns:
            raise ValueError("the network has no blocks with weights and activations that this proxy knows")
        steadiness = sum(math.log(total) for total in self._sums.values() if total > 0)
        return steadiness * distinct(self._patterns)


def inverse_deviation(gradients: Tensor) -> float:
    """Sum over weights of 1 / standard deviation over images of |gradient| (B, ...)."""
    images = len(gradients)
    share = gradients.new_full((1, images), 1 / images)
    total = 0.0
    # a chunk stays in the cache, and a mean over the first dimension is fastest as a product
    for chunk in gradients.flatten(1).split(CHUNK, dim=1):  # type: ignore[no-untyped-call]
        sizes = chunk.abs()
        sizes -= share @ sizes
        inverse = (share @ sizes.mul_(sizes)).rsqrt_()
        found = float(inverse.sum())
        total += found if math.isfinite(found) else float(inverse.masked_fill_(inverse.isinf(), 0).sum())
    return total
