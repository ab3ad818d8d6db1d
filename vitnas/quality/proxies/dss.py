"""Synaptic diversity of attention and saliency of MLPs."""

from __future__ import annotations

import math
from collections.abc import Callable

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
        self._inputs: dict[str, list[Tensor]] = {}  # of each use of a linear layer
        self._received: dict[str, list[Tensor]] = {}  # gradients of its outputs

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Sort the layers, and watch what the gradients of attention's are products of."""
        self._layers = linear_layers(network)
        watched = [(name, network.get_submodule(name)) for names in self._layers.attention for name in names]
        return [
            layer.register_forward_hook(self._hook(name))
            for name, layer in watched
            if isinstance(layer, nn.Linear)
        ]

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def watch(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._inputs.setdefault(name, []).append(inputs[0])
            received = self._received.setdefault(name, [])
            output.register_hook(received.append)  # type: ignore[no-untyped-call]

        return watch

    def _factors(self, names: list[str]) -> tuple[Tensor, Tensor] | None:
        """(rows, out) and (rows, in) whose product is the stacked gradient, if each layer was used once."""
        inputs = [self._inputs.get(name, []) for name in names]
        received = [self._received.get(name, []) for name in names]
        if any(len(uses) != 1 for uses in (*inputs, *received)):
            return None
        if any(uses[0] is not inputs[0][0] for uses in inputs):  # q, k and v of different tokens
            return None
        return torch.cat([uses[0].flatten(0, -2) for uses in received], dim=1), inputs[0][0].detach().flatten(
            0, -2
        )

    def score(self, gradients: Gradients | None) -> float:
        """ln(diversity + saliency)."""
        assert gradients is not None
        found, weights = gradients.mean, gradients.weights  # the weights are positive in this pass
        total = 0.0
        for names in self._layers.attention:
            reached = [name for name in names if name in found]
            if reached:
                weight = torch.cat([weights[name].flatten(1) for name in reached])
                factors = self._factors(reached)
                if factors and 2 * len(factors[0]) < min(weight.shape):
                    total += nuclear_norm_of_product(*factors) * nuclear_norm(weight)
                else:
                    gradient = torch.cat([found[name].flatten(1) for name in reached])
                    total += nuclear_norm(gradient) * nuclear_norm(weight)
        for name in self._layers.others:
            if name in found:
                total += gradients.saliency(name)
        return math.log(total)


def nuclear_norm(matrix: Tensor) -> float:
    """Sum of the singular values (M, N), float64.

    Roots of the eigenvalues of the smaller Gram matrix: several times faster than singular values, and as
    good here, where the small ones add nothing; those below rounding are left out.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    values = torch.linalg.eigvalsh(tall.mT @ tall)
    return float(values[values > len(values) * torch.finfo(values.dtype).eps * values[-1]].sqrt().sum())


def nuclear_norm_of_product(left: Tensor, right: Tensor) -> float:
    """Of left^T right, (rows, M) and (rows, N), by a matrix (rows, rows): the product of their QR factors."""
    upper = [torch.linalg.qr(factor.mT, mode="r").R for factor in (left, right)]
    return float(torch.linalg.svdvals(upper[0] @ upper[1].mT).sum())
