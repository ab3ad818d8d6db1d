"""Where the residual features of a network's blocks can be seen: after each branch that is added."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.arch.network import Stage

See = Callable[[int, Tensor], None]


def hook_residuals(network: nn.Module, see: See) -> list[RemovableHandle]:
    """Call ``see(place, features)`` with each residual feature of the stages' blocks; places count from 0.

    A block's output is one. A block of two branches has another after the first: what goes into ``norm2``,
    or into ``mlp`` where the second branch has a layer scale but no norm. Other blocks have one only.
    """
    handles: list[RemovableHandle] = []
    place = 0
    for stage in network.modules():
        if not isinstance(stage, Stage):
            continue
        for block in stage.blocks:
            second = second_branch(block)
            if second is not None:
                handles.append(second.register_forward_pre_hook(_before(place, see)))
                place += 1
            handles.append(block.register_forward_hook(_after(place, see)))
            place += 1
    return handles


def second_branch(block: nn.Module) -> nn.Module | None:
    """The module that reads what the first of two residual branches gave; None if there is none."""
    children = dict(block.named_children())
    return children.get("norm2") or (children.get("mlp") if "scale2" in children else None)


def _before(place: int, see: See) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    return lambda module, inputs: see(place, inputs[0])


def _after(place: int, see: See) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    return lambda module, inputs, output: see(place, output)
