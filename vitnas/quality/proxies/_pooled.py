"""The features that As-ViT's two proxies look at, with normalisation that does not couple the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vitnas.quality.proxies._unchanged import unchanged

NORMS = (nn.LayerNorm, nn.BatchNorm2d, nn.GroupNorm)


def pooled_features(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Images (B, C, H, W) to the mean over places of the last stage's output, before the final norm: (B, C).

    Tokens without a place, such as a class token, count like the others.

    Raises:
        ValueError: the network has no ``forward_features``.
    """
    features_of = getattr(network, "forward_features", None)
    if features_of is None:
        raise ValueError("the network has no forward_features: what comes before its pooling is unknown")

    def pooled(images: Tensor) -> Tensor:
        features: Tensor = features_of(images)
        return features.mean(dim=(2, 3)) if features.ndim == 4 else features.mean(dim=1)

    return pooled


@contextmanager
def without_norms(network: nn.Module) -> Iterator[None]:
    """Normalisation layers give what they get; the network is in evaluation mode."""
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    training = network.training
    network.eval()
    for norm in norms:
        vars(norm)["forward"] = _identity  # found before the class's own
    try:
        yield
    finally:
        for norm in norms:
            del vars(norm)["forward"]
        network.train(training)


def _identity(x: Tensor) -> Tensor:
    return x


@contextmanager
def constant_statistics(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Evaluation mode, where batch normalisation uses the statistics of these images as constants.

    Its own are worth nothing in an untrained network, and those of a batch in training mode let every
    image's output depend on all images.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    training = network.training
    with unchanged(network, weights=False):
        try:
            if norms:
                for norm in norms:
                    norm.momentum = 1.0
                network.train()
                with torch.no_grad():
                    pooled_features(network)(images)
            network.eval()
            yield
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
            network.train(training)
