"""The blocks of one architecture, each where it stands."""

from __future__ import annotations

from vitnas.arch.build import output_features
from vitnas.arch.features import Features
from vitnas.arch.schema import Architecture, Block
from vitnas.space.slots import Context


def chain(architecture: Architecture) -> list[Context]:
    """Stem, down-samplings, blocks and head, in the order of the network.

    Raises:
        InvalidArchitecture: an operator cannot be built.
    """
    a = architecture
    blocks: list[Context] = []

    def add(block: Block, inputs: Features, width: int) -> Features:
        args = tuple(sorted(block.args.items()))
        blocks.append(Context(block.op, inputs, width, args))
        return output_features(block.op, inputs, width, args)

    features = add(a.stem, a.image, a.stages[0].width)
    for stage in a.stages:
        if stage.down is not None:
            features = add(stage.down, features, stage.width)
        for block in stage.blocks():
            features = add(block, features, stage.width)
    blocks.append(Context(a.head.op, features, a.classes, tuple(sorted(a.head.args.items()))))
    return blocks
