"""Whether gradients keep their size from block to block."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.quality.proxies._base import Proxy
from vitnas.quality.proxies._features import hook_residuals
from vitnas.quality.proxies._unchanged import unchanged

EPSILON = 1e-6  # the authors', in the division


class Trainability(Proxy):
    """Mean over consecutive residual features of 2 - s - 1/s, s the gain of random gradients (AZ-NAS).

    Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search" (CVPR 2024, arXiv
    2403.19232). Features as in ``expressivity``; g_out is +1 or -1 at random, g_in its product with the
    Jacobian of one feature with respect to the one before, s the largest singular value of
    g_in^T g_out / rows, rows = images x tokens. At s = 1 it is 0, its best. Between stages the pixels of g_in
    that one output pixel stands for become channels, as in the authors' code for convolutional networks
    (odd sides get zeros, a class token is left out). Pairs with g_in = g_out are left out.

    Beware: with few rows s is that of a random matrix, (1 + sqrt(width / rows))^2, whatever the network
    (measured: to 1-6 % on AutoFormer-T and -B), and the score says how wide it is. It needs rows >> width;
    the authors use 64 images of 224 px, 12,608 rows.

    Known on plain ViTs (80 to 120 networks, 392 rows): Kendall tau -.08 on AutoFormer-T, -.51 on -S, -.26 on
    -B, -.62 on PiT; seeds agree to .19-.41 on -T.
    """

    needs = "network"
    resolution_px = 112
    repeats = 3

    def measure(self, network: nn.Module, images: Tensor) -> float:
        """One forward pass, and a backward pass from each feature to the one before."""
        features: dict[int, Tensor] = {}
        handles = hook_residuals(network, features.__setitem__)
        with torch.enable_grad(), unchanged(network, weights=False):
            try:
                network(images.detach().clone().requires_grad_())
            finally:
                for handle in handles:
                    handle.remove()
            places = [features[place] for place in sorted(features)]
            sides = (images.shape[-2], images.shape[-1])
            gains = [gain(before, after, sides) for before, after in itertools.pairwise(places)]
        scores = [2 - s - 1 / (s + EPSILON) for s in gains if not math.isnan(s)]
        if not scores:
            raise ValueError("the network has no two residual features that differ")
        return sum(scores) / len(scores)


def gain(before: Tensor, after: Tensor, sides: tuple[int, int] = (1, 1)) -> float:
    """Largest singular value of g_in^T g_out / rows; nan if the step passes gradients on as they are.

    ``sides`` are those of the image, whose ratio the maps of tokens have.

    Raises:
        ValueError: a gradient is not finite.
    """
    g_out = torch.randint(2, after.shape, device=after.device).to(after.dtype).mul_(2).sub_(1)
    (g_in,) = torch.autograd.grad(after, before, g_out)
    if g_in.shape == g_out.shape and torch.equal(g_in, g_out):
        return math.nan
    received, sent = aligned(g_in, g_out, sides)
    product = received.T @ sent
    largest = float(product.abs().max())
    if not math.isfinite(largest):
        raise ValueError("a gradient is not finite")
    if largest == 0:
        return 0.0
    # the root of the largest eigenvalue: twice as fast as singular values, and float32 has its digits
    product /= largest
    root = math.sqrt(float(torch.linalg.eigvalsh(product.T @ product)[-1].clamp_min(0)))
    return root * largest / sent.shape[0]


def aligned(g_in: Tensor, g_out: Tensor, sides: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Both as (rows, channels) with the same rows: one for each place of ``g_out``.

    Args:
        g_in: tokens (B, N, C) or a map (B, C, H, W) with as many places as ``g_out`` or more.
        g_out: the same for the feature after.
        sides: of the image.
    """
    if g_in.ndim == 3 and g_out.ndim == 3 and g_in.shape[1] == g_out.shape[1]:
        return g_in.flatten(0, 1), g_out.flatten(0, 1)
    received, sent = as_map(g_in, sides), as_map(g_out, sides)
    (high, wide), stride = sent.shape[-2:], -(-received.shape[-1] // sent.shape[-1])
    if stride > 1:
        missing = (0, wide * stride - received.shape[-1], 0, high * stride - received.shape[-2])
        received = F.pixel_unshuffle(F.pad(received, missing), stride)
    return _rows(received), _rows(sent)


def as_map(features: Tensor, sides: tuple[int, int]) -> Tensor:
    """(B, C, H, W) of a map, or of tokens without their extra ones; H to W is as the image's ``sides``."""
    if features.ndim == 4:
        return features
    places = features.shape[1]
    least = math.isqrt(places * sides[0] // sides[1])
    near = (least, least + 1) if sides[0] != sides[1] else (least,)
    high = min(near, key=lambda rows: places % rows)  # the extra ones are few
    wide = places // high if sides[0] != sides[1] else high
    tokens = features[:, places - high * wide :].transpose(1, 2)
    return tokens.reshape(*tokens.shape[:2], high, wide)


def _rows(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B * H * W, C)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)
