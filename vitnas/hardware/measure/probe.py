"""What is timed: an empty call, a block (or a chain of copies of it), a whole network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.arch.build import build, build_op
from vitnas.arch.schema import Architecture
from vitnas.hardware.profile.block_table import block_fields, block_id, block_words
from vitnas.space.slots import Context

EMPTY = "empty"


@dataclass(frozen=True)
class Probe:
    """One thing to time.

    Attributes:
        id: ``empty``, the block's id or the network's.
        kind: ``empty``, ``block`` or ``network``.
        name: for people.
        batch: images a call.
        copies: of the block, chained, each with weights of its own.
        block, architecture: what it is made of, by kind.
    """

    id: str
    kind: str
    name: str
    batch: int = 1
    copies: int = 1
    block: Context | None = None
    architecture: Architecture | None = None

    def module(self) -> nn.Module:
        """It, with fresh weights, in eval mode.

        Raises:
            InvalidArchitecture: an operator cannot be built.
        """
        if self.architecture is not None:
            return build(self.architecture).eval()
        if self.block is None:
            return nn.ReLU()
        b = self.block
        copies = [build_op(b.op, b.inputs, b.width, dict(b.args)) for _ in range(self.copies)]
        return (copies[0] if self.copies == 1 else nn.Sequential(*copies)).eval()

    def example(self) -> Tensor:
        """An input: noise, the same every time."""
        if self.architecture is not None:
            a = self.architecture
            shape: tuple[int, ...] = (self.batch, *a.input_shape)
        else:
            shape = self.block.inputs.shape(self.batch) if self.block else (1, 8)
        return torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def content(self) -> dict[str, Any]:
        """What it is made of, as plain values."""
        if self.architecture is not None:
            return self.architecture.to_dict()
        return block_fields(self.block) if self.block else {}


def empty_probe() -> Probe:
    """A call that does next to nothing: what every call costs."""
    return Probe(EMPTY, "empty", "an empty call")


def block_probe(block: Context, *, batch: int = 1, copies: int = 1) -> Probe:
    """A block, or a chain of it where it gives what it takes."""
    chained = copies if copies > 1 and keeps_shape(block) else 1
    return Probe(block_id(block), "block", block_words(block), batch, chained, block=block)


def network_probe(name: str, architecture: Architecture, *, batch: int = 1) -> Probe:
    """A whole network."""
    return Probe(architecture.id, "network", name, batch, architecture=architecture)


def keeps_shape(block: Context) -> bool:
    """Whether a block's output could be its input."""
    with torch.device("meta"), torch.no_grad():
        module = build_op(block.op, block.inputs, block.width, dict(block.args)).eval()
        out = module(torch.empty(block.inputs.shape()))
    return isinstance(out, Tensor) and tuple(out.shape) == block.inputs.shape()
