"""What a device is to the cost table: a pricer of blocks and kernels. `vitnas.hardware` holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from vitnas.cost.kernels import Kernel
from vitnas.formats.resolution import Resolution

if TYPE_CHECKING:
    from vitnas.cost.trace import Trace
    from vitnas.space.slots import Context

BYTES_OF_DTYPE = {"float32": 4, "float16": 2, "int8": 1}


@runtime_checkable
class Device(Protocol):
    """A pricer: blocks in, milliseconds out.

    A network's latency is ``base_ms()`` plus ``block_ms`` of all its blocks, so a cost table prices each
    block once and adds. ``kernels_ms`` prices what is no block of ours (a timm network) from its kernels;
    it is additive too. A device that was fitted to whole networks has no other prices: there ``block_ms``
    is ``kernels_ms``. A measured one looks the block up, and predicts those that its table lacks.

    Attributes:
        name: what the user types, e.g. ``iphone12``.
        kind: where prices come from: ``fitted``, ``measured``, ``imported``; ``limits`` has none.
        metric: ``latency`` (ms a call of ``batch`` images), ``throughput`` (ms an image) or ``none``.
        batch: images a call.
        dtype: of weights and activations; one of ``BYTES_OF_DTYPE``.
        band: relative error of a prediction, e.g. 0.10; nan if nobody knows it.
        limits: the device's own limits, cost -> most, such as ``{"peak_bytes": 327680}``: budgets by default.
    """

    name: str
    kind: str
    metric: str
    batch: int
    dtype: str
    band: float
    limits: Mapping[str, float]

    @property
    def fingerprint(self) -> str:
        """Hash of what prices depend on: equal fingerprints, equal prices."""
        ...

    def block_ms(self, block: Context, kernels: Sequence[Kernel]) -> float:
        """Price of a block of ours, in milliseconds; ``kernels`` are its trace at batch 1."""
        ...

    def covers(self, block: Context) -> bool:
        """Whether the price of this block was measured, not predicted."""
        ...

    def kernels_ms(self, kernels: Sequence[Kernel]) -> float:
        """Price of these kernels without the constant part of a network, in milliseconds."""
        ...

    def base_ms(self) -> float:
        """What every network pays once, in milliseconds."""
        ...

    def out_of_domain(self, trace: Trace, resolution_px: Resolution | None = None) -> list[str]:
        """Why a prediction for a whole network, of images of this size, would be a guess; empty if not."""
        ...

    def refusal(self, batch: int | None, resolution_px: Resolution | None) -> str:
        """Why it cannot answer for this batch or resolution, and what to do; empty if it can."""
        ...
