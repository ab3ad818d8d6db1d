"""How much a network stretches a circle of inputs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from vitnas.quality.proxies._attention import EarlyAttention
from vitnas.quality.proxies._base import Proxy
from vitnas.quality.proxies._pooled import pooled_features, without_norms

ANGLES = 10  # from 0 to 2 pi, both ends counted, as in the authors' code


class LengthDistortion(Proxy):
    """Speed at which the features follow a circle of inputs, summed over 10 of its points (As-ViT).

    Chen et al., "Auto-scaling Vision Transformers without Training" (ICLR 2022, arXiv 2202.11921), the
    expected length distortion: inputs U (cos t, sin t), where U are the two left singular vectors of a
    Gaussian matrix, a unit circle in a random plane; all normalisation layers replaced by the identity; f =
    mean over places of the last stage's output before the final norm; the sum over t of |df/dt|. The images
    give their shape only.

    The derivative is taken in forward mode, for all points and all coordinates of f at once. Batch
    normalisation, which As-ViT has not, is replaced by the identity too. Layer scales stay.
    """

    needs = "network"
    resolution_px = 224
    batch = 16  # what ntk_condition needs: both share their networks
    repeats = 5

    def measure(self, network: nn.Module, images: Tensor) -> float:
        """One forward pass of 9 points with their derivatives (the last of the 10 is the first)."""
        shape = images.shape[1:]
        gaussian = torch.randn(math.prod(shape), 2, device=images.device, dtype=images.dtype)
        plane = torch.linalg.svd(gaussian, full_matrices=False)[0]
        t = torch.linspace(0, 2 * math.pi, ANGLES, device=images.device, dtype=images.dtype)[:-1]
        points = (plane @ torch.stack((t.cos(), t.sin()))).mT.reshape(-1, *shape)
        tangents = (plane @ torch.stack((-t.sin(), t.cos()))).mT.reshape(-1, *shape)
        with without_norms(network):
            velocity = forward_derivative(pooled_features(network), points, tangents)
        speeds = velocity.double().norm(dim=1)
        return float(speeds.sum() + speeds[0])


class QuickLinear(TorchFunctionMode):
    """Within it, the forward derivative of a linear layer is one product (torch's adds the bias's, zeros)."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Every call of a torch function comes here."""
        if func is F.linear and not kwargs:
            x, weight, *_ = args
            value, tangent = forward_ad.unpack_dual(x)  # type: ignore[no-untyped-call]
            if tangent is not None:
                return forward_ad.make_dual(  # type: ignore[no-untyped-call]
                    F.linear(value, *args[1:]), F.linear(tangent, weight)
                )
        return func(*args, **(kwargs or {}))


def forward_derivative(function: Callable[[Tensor], Tensor], x: Tensor, tangent: Tensor) -> Tensor:
    """Directional derivative of ``function`` at ``x`` along ``tangent``, in one forward pass.

    Attention goes through formulas that have a forward derivative; torch's fused kernels have none.
    """
    with (
        torch.no_grad(),
        warnings.catch_warnings(),
        forward_ad.dual_level(),
        sdpa_kernel(SDPBackend.MATH),
        EarlyAttention(forward_mode=True),
        QuickLinear(),
    ):
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # of torch about itself, at its first forward derivative
        out = function(forward_ad.make_dual(x, tangent))  # type: ignore[no-untyped-call]
        derivative: Tensor | None = forward_ad.unpack_dual(out).tangent  # type: ignore[no-untyped-call]
        if derivative is None:
            raise ValueError("the features do not depend on the image")
        return derivative
