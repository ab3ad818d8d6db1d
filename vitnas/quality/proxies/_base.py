"""What a proxy is: a score of an untrained network, read from passes that several proxies share.

A proxy is one file here (or in the user's ``./proxies``) with one class. What it ``needs`` says which pass
it reads, and so what the caller (`vitnas.quality.measure`) does for it:

- ``forward``: ``attach`` hooks, the batch runs forward, ``score(None)``;
- ``backward``: the same, then backward from the loss with random labels, ``score(gradients)``;
- ``samples``: forward and one backward pass in which the gradient of every image is kept apart (see
  `proxies._samples`); ``see(layer, gradients)`` gets them layer by layer, then ``score(None)``;
- ``synaptic``: absolute parameters in float64, one all-ones image, the summed logits backward (see
  `proxies._synaptic`); ``attach`` gets the network like that, then ``score(gradients)``;
- ``network``: nothing is shared, ``measure(network, images)`` runs the network and leaves it as it was.

What several proxies share changes no score: if one of them breaks a pass, the others get their own. A new
object is made for every network and every seed, without arguments. What it does may raise or return something
that is not finite: the caller records it as a failure with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

ACTIVATIONS = (nn.GELU, nn.ReLU, nn.SiLU, nn.Hardswish)
Needs = Literal["forward", "backward", "samples", "synaptic", "network"]


class Gradients:
    """Gradients with respect to the weights of all convolutions and linear layers, and these weights.

    Args:
        network: whose weights; as they are in the pass (absolute and float64 in the synaptic one).
        batches: for each part of the batch, the gradient of its mean loss by layer name (one part, of the
            summed logits, in the synaptic pass).
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

    def saliency(self, layer: str) -> float:
        """Sum over a layer's weights of |weight x gradient|, as a dot product: no product is kept."""
        return float(self.mean[layer].abs().flatten() @ self.weights[layer].abs().flatten())


class Proxy:
    """Base class of proxies; the first line of a proxy's docstring is what ``vitnas proxies`` prints.

    Attributes:
        needs: which pass it reads, see above.
        higher_is_better: whether a search maximises the score or minimises it.
        resolution_px: side of the square images that it was found to work at.
        batch: images.
        passes: equal parts that the batch is split into, for statistics over batches.
        repeats: fresh initialisations to average over.
        part_elements: of a large linear layer's gradients that ``see`` gets at once.
    """

    needs: ClassVar[Needs] = "forward"
    higher_is_better: ClassVar[bool] = True
    resolution_px: ClassVar[int] = 64
    batch: ClassVar[int] = 8
    passes: ClassVar[int] = 1
    repeats: ClassVar[int] = 1
    part_elements: ClassVar[int] = 1 << 18

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Register hooks before the pass; the caller removes them. By default there are none."""
        return []

    def see(self, layer: str, gradients: Tensor) -> None:
        """Look at gradients of each image's own loss; do not keep them.

        Args:
            layer: its name.
            gradients: (B, *weight's shape); a linear layer may come in parts, (B, some rows, in).
        """

    def score(self, gradients: Gradients | None) -> float:
        """The score after the passes.

        Args:
            gradients: None unless ``needs`` is "backward" or "synaptic".

        Raises:
            ValueError: the network has nothing that this proxy looks at.
        """
        raise NotImplementedError

    def measure(self, network: nn.Module, images: Tensor) -> float:
        """The score of a network for images (B, C, H, W), if ``needs`` is "network".

        Draw from torch's global generator, which is seeded, and compute on the images' device. The network
        is in training mode; parameters, buffers and mode are afterwards what they were.

        Raises:
            ValueError: the network has nothing that this proxy looks at.
        """
        raise NotImplementedError


def hook_activations(network: nn.Module, see: Callable[[str, Tensor], None]) -> list[RemovableHandle]:
    """Call ``see(name, values)`` with what goes into each activation."""

    def hook(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda module, inputs: see(name, inputs[0].detach())

    found = [(name, module) for name, module in network.named_modules() if isinstance(module, ACTIVATIONS)]
    return [module.register_forward_pre_hook(hook(name)) for name, module in found]


def weight_layers(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Convolutions and linear layers, with their names."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield name, module
