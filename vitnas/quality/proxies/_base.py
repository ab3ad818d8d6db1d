"""What a proxy is: a score of an untrained network, read from passes that several proxies share.

A proxy is one file here (or in the user's ``./proxies``) with one class. It never runs the network itself:

1. ``attach`` registers hooks before the passes;
2. the caller runs the batch forward, and backward if any proxy needs gradients;
3. ``score`` makes one number of what the hooks saw and of the gradients.

A new object is made for every network and every seed. ``score`` may raise or return something that is not
finite: the caller records it as a failure with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

ACTIVATIONS = (nn.GELU, nn.ReLU, nn.SiLU, nn.Hardswish)


class Gradients:
    """Gradients of the loss with respect to the weights of all convolutions and linear layers.

    Args:
        network: whose weights.
        batches: for each part of the batch, the gradient of its mean loss by layer name.
    """

    def __init__(self, network: nn.Module, batches: list[dict[str, Tensor]]) -> None:
        self.batches = batches
        self.weights = {name: layer.weight.detach() for name, layer in weight_layers(network)}

    @cached_property
    def mean(self) -> dict[str, Tensor]:
        """Gradient of the mean loss of the whole batch, by layer name."""
        first, *others = self.batches
        if not others:
            return first
        names = [name for name in first if all(name in batch for batch in others)]
        share = 1 / len(self.batches)
        return {n: sum((batch[n] for batch in others), first[n]).mul_(share) for n in names}


class Proxy:
    """Base class of proxies; the first line of a proxy's docstring is what ``vitnas proxies`` prints.

    Attributes:
        needs: "forward", or "backward" if ``score`` reads gradients.
        higher_is_better: whether a search maximises the score or minimises it.
        resolution_px: side of the square images that it was found to work at.
        batch: images.
        passes: equal parts that the batch is split into, for statistics over batches.
        repeats: fresh initialisations to average over.
    """

    needs: ClassVar[Literal["forward", "backward"]] = "forward"
    higher_is_better: ClassVar[bool] = True
    resolution_px: ClassVar[int] = 64
    batch: ClassVar[int] = 8
    passes: ClassVar[int] = 1
    repeats: ClassVar[int] = 1

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Register hooks; the caller removes them. By default there are none."""
        return []

    def score(self, gradients: Gradients | None) -> float:
        """The score after the passes.

        Args:
            gradients: None unless ``needs`` is "backward".

        Raises:
            ValueError: the network has nothing that this proxy looks at.
        """
        raise NotImplementedError


def weight_layers(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Convolutions and linear layers, with their names."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield name, module
