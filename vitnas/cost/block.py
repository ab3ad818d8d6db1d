"""One block, traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitnas.arch.build import build_op, given_features, running_op
from vitnas.arch.features import Features
from vitnas.space.slots import Context

if TYPE_CHECKING:
    from vitnas.cost.trace import Trace


def trace_block(block: Context) -> tuple[Trace, Features]:
    """Its kernels at batch 1, and what it gives (a head, which ends a network: what it took).

    Raises:
        InvalidArchitecture: the operator cannot be built for these features and arguments.
        PluginError: the operator's code raises, or gives no features.
    """
    import torch

    from vitnas.cost.trace import trace

    with torch.device("meta"):
        module = build_op(block.op, block.inputs, block.width, dict(block.args))
    with running_op(block.op, block.inputs, block.width, block.args):
        traced = trace(module, block.inputs.shape())
    shape = traced.output_shape
    return traced, block.inputs if len(shape) == 2 else given_features(block.op, shape, block.inputs)
