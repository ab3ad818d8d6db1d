"""What every exporter needs: the network in evaluation mode, its program, and the comparison of outputs."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import VitnasError

TRACED_BATCH = 2  # 1 would be taken for a constant
CHECKED_BATCHES = (1, 3)
FAINT = 1e-2  # parameters below it, such as fresh layer scales, would hide what is wrong in a branch
SHOWN_TOLERANCE = 1e-3  # of outputs of the order of 1, with all branches shown


def prepared(architecture: Architecture, model: nn.Module | None) -> nn.Module:
    """A copy of ``model``, or a network with fresh weights, on the CPU and in evaluation mode."""
    network = build(architecture) if model is None else copy.deepcopy(model)
    return network.to("cpu").float().eval()


@contextlib.contextmanager
def shown(network: nn.Module) -> Iterator[None]:
    """While it lasts, every branch shows in the output: faint parameters and fresh statistics are not."""
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    draw = torch.Generator().manual_seed(0)
    try:
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.numel() and parameter.abs().max() < FAINT:
                    parameter.uniform_(0.25, 0.75, generator=draw)
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                    module.running_mean.add_(torch.randn(module.num_features, generator=draw), alpha=0.1)
                    assert module.running_var is not None
                    module.running_var.mul_(0.5 + torch.rand(module.num_features, generator=draw))
        yield
    finally:
        network.load_state_dict(kept)


def images(architecture: Architecture, batch: int) -> Tensor:
    """Reproducible noise: (batch, channels, height, width)."""
    generator = torch.Generator().manual_seed(batch)
    return torch.randn(batch, *architecture.input_shape, generator=generator)


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
    """Largest difference between the logits of ``network`` and of what is to become ``path``.

    It is absolute, of logits beyond 1 relative to the largest.

    Raises:
        VitnasError: it exceeds ``tolerance`` or is no number.
    """
    difference = 0.0
    for batch in CHECKED_BATCHES if dynamic else (TRACED_BATCH,):
        x = images(architecture, batch)
        with torch.no_grad():
            ours = network(x)
            gap = float((ours - loaded(x)).abs().max() / ours.abs().max().clamp_min(1))
        difference = max(difference, gap) if gap == gap else gap
    if not difference <= tolerance:
        raise VitnasError(
            f"{path}: not written: its outputs differ from the network's by {difference:.2g}, more than "
            f"{tolerance:g}; weights that are not finite or very large do that"
        )
    return difference
