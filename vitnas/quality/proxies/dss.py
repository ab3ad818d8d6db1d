"""Synaptic diversity of attention and saliency of MLPs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy
from vitnas.quality.proxies._linear import LinearLayers, linear_layers


class Dss(Proxy):
    """ln of synaptic diversity plus synaptic saliency (DSS of TF-TAS); no data; mostly width.

    Zhou et al., "Training-free Transformer Architecture Search" (CVPR 2022, arXiv 2203.12217). All parameters
    get their absolute value, one all-ones image goes in, the summed logits go back. A layer of attention adds
    ||gradient||_* x ||weight||_* (nuclear norms), every other linear layer, the heads among them, adds
    sum |gradient x weight|. The logarithm is ours; ranks do not change.

    Attention is told by the layers' names, see `_linear`; the released code takes square layers for it.
    Separate q, k and v are stacked, as the fused layer that the authors look at. 1x1 convolutions are linear
    layers; other convolutions are left out, as the patch embedding is there.

    Known on plain ViTs (80 to 120 networks): Kendall tau .20 on AutoFormer-T, .71 on -S, .08 on -B, .35 on
    PiT, where the number of parameters has .47, .77, .04 and .78. Published on 1000 networks of -T: .439.
    """

    needs = "synaptic"

    def __init__(self) -> None:
        self._layers = LinearLayers((), ())

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Nothing is hooked; the layers are sorted."""
        self._layers = linear_layers(network)
        return []

    def score(self, gradients: Gradients | None) -> float:
        """ln(diversity + saliency)."""
        assert gradients is not None
        found, weights = gradients.mean, gradients.weights  # the weights are positive in this pass
        total = 0.0
        for names in self._layers.attention:
            reached = [name for name in names if name in found]
            if reached:
                weight = torch.cat([weights[name].flatten(1) for name in reached])
                gradient = torch.cat([found[name].flatten(1) for name in reached])
                total += nuclear_norm(gradient) * nuclear_norm(weight)
        for name in self._layers.others:
            if name in found:
                total += float(found[name].flatten().abs() @ weights[name].flatten())
        return math.log(total)


def nuclear_norm(matrix: Tensor) -> float:
    """Sum of the singular values (M, N), float64.

    Roots of the eigenvalues of the smaller Gram matrix: several times faster than singular values, and as
    good here, where the small ones add nothing; those below rounding are left out.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    values = torch.linalg.eigvalsh(tall.mT @ tall)
    return float(values[values > len(values) * torch.finfo(values.dtype).eps * values[-1]].sqrt().sum())
