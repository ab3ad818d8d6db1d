"""What a network needs of a microcontroller's memory: our peak of activations, and MCUFormer's own check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vitnas.arch.schema import Architecture
from vitnas.cost.kernels import Kernel
from vitnas.cost.peak import peak_of
from vitnas.cost.pricer import trace_block
from vitnas.formats.resolution import square_side
from vitnas.space.chain import chain

MCUFORMER_LIMIT_BYTES = 320 * 1024
"""What MCUFormer allows; its device is the STM32F746."""


@dataclass(frozen=True)
class MemoryNeed:
    """Memory of one network, batch 1.

    Attributes:
        peak_elements: most elements of activations alive at once, counted as `vitnas.cost.peak` says.
        block: path of the first block that reaches the peak: ``stem``, ``stages.0.blocks[3]``, ...
        op: its operator.
        blocks: how many blocks reach it.
        kernel: the kernel of that block during which the peak is reached; None for a block without kernels.
        params: elements of the weights.
    """

    peak_elements: int
    block: str
    op: str
    blocks: int
    kernel: Kernel | None
    params: int


def memory_need(architecture: Architecture) -> MemoryNeed:
    """Trace every block of a network.

    Raises:
        InvalidArchitecture: an operator cannot be built.
    """
    parts = list(zip(_paths(architecture), chain(architecture), strict=True))
    known = {context: trace_block(context)[0] for context in dict.fromkeys(c for _, c in parts)}
    peaks = {context: peak_of(traced) for context, traced in known.items()}
    most = max(peak.elements for peak in peaks.values())
    reach = [(path, context) for path, context in parts if peaks[context].elements == most]
    path, context = reach[0]
    return MemoryNeed(
        peak_elements=most,
        block=path,
        op=context.op,
        blocks=len(reach),
        kernel=peaks[context].kernel,
        params=sum(known[c].params for _, c in parts),
    )


def _paths(a: Architecture) -> Iterator[str]:
    """Key path of every part, in the order of `chain`."""
    yield "stem"
    for index, stage in enumerate(a.stages):
        if stage.down is not None:
            yield f"stages.{index}.down"
        for k in range(len(stage.blocks())):
            yield f"stages.{index}.blocks[{k}]"
    yield "head"


def mcuformer_bytes(architecture: Architecture, rho: float = 1.0) -> int | None:
    """MCUFormer's figure for a plain vision transformer; None for any other network.

    Args:
        architecture: the figure holds for a `patch_embed` followed by `transformer_block` only.
        rho: rank ratio of its low-rank layers; 1 stands for dense ones.
    """
    blocks = [block for stage in architecture.stages for block in stage.blocks()]
    is_plain = architecture.stem.op == "patch_embed" and all(
        stage.down is None for stage in architecture.stages
    )
    if not is_plain or any(block.op != "transformer_block" for block in blocks):
        return None
    figure = mcuformer_formula(
        width=max(stage.width for stage in architecture.stages),
        expansion=max(block.full_args()["expansion"] for block in blocks),
        resolution_px=square_side(architecture.resolution_px),
        patch_px=architecture.stem.full_args()["patch_px"],
        rho=rho,
    )
    return round(figure)


def mcuformer_formula(
    *, width: float, expansion: float, resolution_px: float, patch_px: float, rho: float = 1.0
) -> float:
    """Bytes that MCUFormer's released search compares with `MCUFORMER_LIMIT_BYTES`, one byte an element.

    ``D * ((side**2 + 1) * (1 + r) + D * r * rho)`` with ``side = resolution / patch``, which need not be
    whole: a block's input, the hidden layer of its MLP, and one low-rank weight of that MLP kept in RAM.
    Attention (queries, keys, values, scores), the image, code and stack are not in it. Read in the code of
    github.com/liangyn22/MCUFormer at 6468aae (supernet_engine.py).
    """
    tokens = (resolution_px / patch_px) ** 2 + 1
    return width * (tokens * (1 + expansion) + width * expansion * rho)
