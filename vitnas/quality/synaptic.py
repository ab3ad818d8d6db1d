"""Gradients of a network without signs: what its weights let through, with no data (SynFlow's pass)."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from vitnas.quality.proxies._base import Gradients, weight_layers


def positive_copy(network: nn.Module) -> nn.Module:
    """A copy in float64 in which every parameter has its absolute value; the network itself is not touched.

    With one image, batch normalisation by the batch would erase the signal: in the copy it divides by fresh
    running statistics (mean 0, variance 1), so it only scales and shifts. Dropout is off. Everything else is
    in training mode, so that a two-headed network answers with both heads.
    """
    # a deep copy takes what its memo has for an object: no parameter is copied twice
    positive: dict[int, Any] = {
        id(p): nn.Parameter(p.detach().double().abs_(), p.requires_grad) for p in network.parameters()
    }
    copied = copy.deepcopy(network, positive).double().train()
    for module in copied.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
        if isinstance(module, _BatchNorm | _DropoutNd):
            module.eval()
    return copied


def synaptic_gradients(network: nn.Module, channels: int, resolution_px: int) -> Gradients:
    """Backward from the summed logits (of two heads: of both) for one all-ones image (1, C, H, W).

    Args:
        network: a `positive_copy`; of its gradients none is kept in it.
        channels: of the image.
        resolution_px: its side.

    Raises:
        ValueError: the logits or a gradient are beyond float64.
    """
    weight = next(network.parameters())
    image = torch.ones(1, channels, resolution_px, resolution_px, dtype=weight.dtype, device=weight.device)
    output: Tensor | tuple[Tensor, ...] = network(image)
    heads = (output,) if isinstance(output, Tensor) else output
    total = torch.stack([logits.sum() for logits in heads]).sum()
    if not math.isfinite(float(total.detach())):
        raise ValueError(f"the summed logits of the network without signs are {float(total.detach())}")
    layers = [(name, layer) for name, layer in weight_layers(network) if layer.weight.requires_grad]
    found = torch.autograd.grad(total, [layer.weight for _, layer in layers], allow_unused=True)
    gradients = {name: g for (name, _), g in zip(layers, found, strict=True) if g is not None}
    for name, gradient in gradients.items():
        if not math.isfinite(float(gradient.sum())):  # much faster than looking at each
            raise ValueError(f"the gradient of {name} in the network without signs is not finite")
    return Gradients(network, [gradients])
