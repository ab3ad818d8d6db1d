"""Gradients of a network without signs: what its weights let through, with no data (SynFlow's pass)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from vitnas.quality.proxies._base import Gradients, weight_layers

PART = 1 << 16  # elements


@contextlib.contextmanager
def positive(network: nn.Module) -> Iterator[None]:
    """While it lasts, every parameter is a float64 copy of its absolute value; then all is as it was.

    With one image, batch normalisation by the batch would erase the signal: it divides by fresh running
    statistics (mean 0, variance 1), so it only scales and shifts. Dropout is off. Everything else is in
    training mode, so that a two-headed network answers with both heads.
    """
    # other tensors in the same modules: a copy of the modules takes as long as a sixth of the pass
    kept = [(module, module._parameters, module._buffers, module.training) for module in network.modules()]
    copies = {id(p): nn.Parameter(_magnitude(p.detach()), p.requires_grad) for p in network.parameters()}
    try:
        network.train()
        for module, parameters, buffers, _ in kept:
            vars(module)["_parameters"] = {
                n: p if p is None else copies[id(p)] for n, p in parameters.items()
            }
            vars(module)["_buffers"] = {n: b if b is None else _copy(b) for n, b in buffers.items()}
            if isinstance(module, _BatchNorm):
                module.reset_running_stats()
            if isinstance(module, _BatchNorm | _DropoutNd):
                module.eval()
        yield
    finally:
        for module, parameters, buffers, training in kept:
            vars(module).update(_parameters=parameters, _buffers=buffers, training=training)


def _copy(buffer: Tensor) -> Tensor:
    return buffer.double() if buffer.is_floating_point() and buffer.dtype != torch.float64 else buffer.clone()


def _magnitude(values: Tensor) -> Tensor:
    """Absolute values in float64, by parts: they are still in the cache when their signs go."""
    found = torch.empty(values.shape, dtype=torch.float64, device=values.device)
    parts = zip(found.view(-1).split(PART), values.reshape(-1).split(PART), strict=True)  # type: ignore[no-untyped-call]
    for part, signed in parts:
        part.copy_(signed).abs_()
    return found


def synaptic_gradients(network: nn.Module, shape: tuple[int, ...]) -> Gradients:
    """Backward from the summed logits (of two heads: of both) for one all-ones image (1, C, H, W).

    Args:
        network: made `positive`; of its gradients none is kept in it.
        shape: (C, H, W) of the image.

    Raises:
        ValueError: the logits or a gradient are beyond float64.
    """
    weight = next(network.parameters())
    image = torch.ones(1, *shape, dtype=weight.dtype, device=weight.device)
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
