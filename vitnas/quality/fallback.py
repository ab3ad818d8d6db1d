"""Capacity of one network without a pool: whole-network resources in logarithms."""

from __future__ import annotations

import math

from vitnas.arch.schema import Architecture
from vitnas.quality.genomes.formula import POWER
from vitnas.quality.genomes.resources import attention_width_of, expansion_of


def log_capacity(architecture: Architecture) -> float:
    """1.5 ln D + ln W + 2/3 ln M + 1/3 ln Q; higher is better, comparable within one family only.

    D is the number of blocks; W, Q the means over the blocks of width and attention width (a block without
    attention counts with its width: neutral); M the power mean of the expansions (blocks without
    an MLP are left out). On plain ViTs it ranks a little below ``capacity`` (Kendall tau
    .67 against .69 on AutoFormer-T, .77 against .83 on -S), which needs a pool of alternatives.
    """
    blocks = [(block, stage.width) for stage in architecture.stages for block in stage.blocks()]
    if not blocks:
        return -math.inf
    widths = [width for _, width in blocks]
    attention = [attention_width_of(b.op, b.args, width) or width for b, width in blocks]
    mlps = [e for b, width in blocks if (e := expansion_of(b.op, b.args, width)) > 0]
    mean = (sum(e**POWER for e in mlps) / len(mlps)) ** (1 / POWER) if mlps else 1.0
    depth = len(blocks)
    return (
        1.5 * math.log(depth)
        + math.log(sum(widths) / depth)
        + 2 / 3 * math.log(mean)
        + 1 / 3 * math.log(sum(attention) / depth)
    )
