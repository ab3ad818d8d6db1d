"""What every exporter needs: the network in evaluation mode, its program, and the comparison of outputs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import VitnasError

TRACED_BATCH = 2  # 1 would be taken for a constant
CHECKED_BATCHES = (1, 3)


def prepared(architecture: Architecture, model: nn.Module | None) -> nn.Module:
    """A copy of ``model``, or a network with fresh weights, on the CPU and in evaluation mode."""
    network = build(architecture) if model is None else copy.deepcopy(model)
    return network.to("cpu").float().eval()


def images(architecture: Architecture, batch: int) -> Tensor:
    """Reproducible noise: (batch, channels, resolution, resolution)."""
    generator = torch.Generator().manual_seed(batch)
    side = architecture.resolution_px
    return torch.randn(batch, architecture.in_channels, side, side, generator=generator)


def exported_program(network: nn.Module, architecture: Architecture) -> tuple[ExportedProgram, bool]:
    """The network's program, and whether it takes any batch; an operator may rule that out."""
    example = (images(architecture, TRACED_BATCH),)
    try:
        return torch.export.export(network, example, dynamic_shapes=({0: Dim("batch", min=1)},)), True
    except (torch._dynamo.exc.UserError, ValueError):  # something made the batch a constant
        return torch.export.export(network, example), False


def proven(
    path: Path,
    network: nn.Module,
    loaded: Callable[[Tensor], Tensor],
    architecture: Architecture,
    *,
    dynamic: bool,
    tolerance: float,
) -> float:
    """Largest absolute difference between the logits of ``network`` and of what is to become ``path``.

    Raises:
        VitnasError: it exceeds ``tolerance`` or is no number.
    """
    difference = 0.0
    for batch in CHECKED_BATCHES if dynamic else (TRACED_BATCH,):
        x = images(architecture, batch)
        with torch.no_grad():
            gap = float((network(x) - loaded(x)).abs().max())
        difference = max(difference, gap) if gap == gap else gap
    if not difference <= tolerance:
        raise VitnasError(
            f"{path}: not written: its outputs differ from the network's by {difference:.2g}, more than "
            f"{tolerance:g}; weights that are not finite or very large do that"
        )
    return difference
