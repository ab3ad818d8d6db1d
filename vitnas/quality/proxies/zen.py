"""How strongly the features of a random network answer a small change of the image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vitnas.quality.proxies._base import Proxy, weight_layers
from vitnas.quality.proxies._unchanged import unchanged

STEP = 0.01  # of the perturbation
NORMS = (nn.BatchNorm2d, nn.GroupNorm)


class Zen(Proxy):
    """ln of the mean change of the features under a small change of the image (Zen-score); mostly noise.

    Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition" (ICCV 2021, arXiv
    2102.01063): weights of convolutions and linear layers drawn from N(0, 1), biases 0, batch norms 1 and 0;
    f = features before the pooling; ln mean |f(x + .01 e) - f(x)|, e from N(0, 1), plus for each batch
    normalisation the logarithm of the root of the mean variance of the channels that it divides by (here of
    this batch). The mean over elements of f, not the sum: it does not count them. Class tokens, positions,
    layer norms and layer scales keep their own initialisation: the paper has none. The weights are put back.

    Known on plain ViTs (80 to 120 networks): Kendall tau .15 on AutoFormer-T, .19 on -S, -.32 on -B, -.10 on
    PiT; seeds agree to .10-.30 only.
    """

    needs = "network"
    repeats = 3

    def measure(self, network: nn.Module, images: Tensor) -> float:
        """Two forward passes with other weights."""
        features_of = getattr(network, "forward_features", None)
        if features_of is None:
            raise ValueError("the network has no forward_features: what comes before its pooling is unknown")
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        with torch.no_grad(), unchanged(network, weights=True):
            gaussian_weights(network)
            with _noted_scales(norms) as scales:
                features = features_of(images)
            moved = features_of(images + STEP * torch.randn_like(images))
        change = float((moved - features).double().abs().mean())
        if not (change > 0 and math.isfinite(change) and all(s > 0 for s in scales)):
            raise ValueError(f"the mean change of the features is {change}, or a channel is constant")
        return math.log(change) + sum(map(math.log, scales))


def gaussian_weights(network: nn.Module) -> None:
    """Draw weights from N(0, 1) in place, as the authors do."""
    for _, layer in weight_layers(network):
        nn.init.normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for norm in network.modules():
        if isinstance(norm, NORMS) and norm.affine:
            nn.init.ones_(norm.weight)
            nn.init.zeros_(norm.bias)


@contextmanager
def _noted_scales(norms: Sequence[nn.BatchNorm2d]) -> Iterator[list[float]]:
    """Root of the mean over channels of the batch's variance, for each call of a norm.

    With momentum 1 the norm leaves the variance that it has computed as its running one, unbiased.
    """
    scales: list[float] = []

    def note(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(norm.running_var, Tensor):
            count = inputs[0].numel() / inputs[0].shape[1]
            variance = float(norm.running_var.double().mean()) * (count - 1) / count
        else:
            variance = float(inputs[0].double().var(dim=(0, 2, 3), correction=0).mean())
        scales.append(math.sqrt(variance))

    momenta = [norm.momentum for norm in norms]
    handles = [norm.register_forward_hook(note) for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 1.0
        yield scales
    finally:
        for norm, momentum, handle in zip(norms, momenta, handles, strict=True):
            norm.momentum = momentum
            handle.remove()
