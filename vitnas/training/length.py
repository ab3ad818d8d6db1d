"""How long a brief training is: whole epochs, or seconds, counted in MACs so that they repeat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SECOND_MACS = 1e10  # of training: about what a core does in a second with small networks
PASSES = 3  # of a network's MACs for an image: forward, and backward to activations and weights


@dataclass(frozen=True)
class Length:
    """Of each training of a run.

    Attributes:
        epochs: the schedule is made for.
        images: of an epoch; None for all.
    """

    epochs: int
    images: int | None = None

    @property
    def total(self) -> int | None:
        """Images in all; None where epochs take what there is."""
        return self.images and self.images * self.epochs


def length_of_seconds(seconds: float, macs: NDArray[np.float64], batch: int, available: int) -> Length:
    """As many images as the network of the median MACs is trained on in ``seconds``.

    Every network gets as many, so that a larger one takes longer: with equal MACs for each it would see fewer
    images, and the order would be one of sizes.

    Args:
        seconds: of one core, at ``SECOND_MACS``.
        macs: of networks that a search may propose (m,).
        batch: images a step; there is one step at least.
        available: training images; more are several epochs.
    """
    images = max(seconds * SECOND_MACS / (PASSES * float(np.median(macs))), batch)
    epochs = math.ceil(images / max(available, 1))
    each = round(images / epochs / batch) * batch
    return Length(epochs, min(max(each, batch), available))
