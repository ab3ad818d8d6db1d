"""How many directions the features of an untrained network fill."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy
from vitnas.quality.proxies._entropy import as_tokens
from vitnas.quality.proxies._features import hook_residuals


class Expressivity(Proxy):
    """Sum over residual features of the entropy of their covariance's eigenvalues (AZ-NAS); mostly depth.

    Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search" (CVPR 2024, arXiv
    2403.19232). After the attention and after the MLP of each block, the covariance of the channels over
    all tokens of all images; its eigenvalues, over their sum, are a distribution. A block with one residual
    branch gives one feature. The stem and down-samplings give none. The entropy cannot exceed ln(rows - 1)
    with rows = images x tokens: 64 px and 8 images are too few for wide networks, as are many channels.

    Known on plain ViTs (80 to 120 networks): Kendall tau .58 on AutoFormer-T, .43 on -S, -.22 on -B, .34 on
    PiT; depth and widths explain all of it.
    """

    def __init__(self) -> None:
        self._features: dict[int, list[Tensor]] = {}  # place -> of each part, (rows, C)

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Hook every residual feature."""
        return hook_residuals(network, self._keep)

    def _keep(self, place: int, features: Tensor) -> None:
        self._features.setdefault(place, []).append(as_tokens(features.detach()).flatten(0, 1))

    def score(self, gradients: Gradients | None) -> float:
        """Sum of entropies, in nats."""
        if not self._features:
            raise ValueError("the network has no stages with blocks")
        return sum(spectral_entropy(torch.cat(parts)) for parts in self._features.values())


def spectral_entropy(rows: Tensor) -> float:
    """Entropy in nats of the normalised eigenvalues of the covariance of (rows, C).

    Raises:
        ValueError: all rows are equal, or something is not finite.
    """
    rows = rows - rows.mean(dim=0)
    scatter = _scatter(rows)
    if not 0 < float(scatter.trace()) < math.inf:  # squares may be beyond float32
        scatter = _scatter(rows.double())
    total = float(scatter.trace())
    if not math.isfinite(total):  # each element is at most this
        raise ValueError("a feature is not finite")
    if total == 0:
        raise ValueError("a feature is the same for all tokens")
    # float32, which the features are in, is twice as fast; it changes 1e-8 of the entropy
    shares = torch.linalg.eigvalsh(scatter / total).double().clamp_min_(0)
    return float(torch.special.entr(shares).sum())


def _scatter(rows: Tensor) -> Tensor:
    """The smaller of two products that have the same eigenvalues other than 0."""
    return rows @ rows.T if rows.shape[0] < rows.shape[1] else rows.T @ rows
