"""What a device is to the cost table: a pricer of kernels. `vitnas.hardware` holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from vitnas.cost.kernels import Kernel

if TYPE_CHECKING:
    from vitnas.cost.trace import Trace


@runtime_checkable
class Device(Protocol):
    """A pricer: kernels in, milliseconds out.

    A network's latency is ``base_ms() + kernels_ms(all its kernels)``, and ``kernels_ms`` is additive: the
    price of a concatenation is the sum of the prices. So a cost table prices each block once and adds.
    """

    @property
    def name(self) -> str:
        """What the user types, e.g. ``iphone12``."""
        ...

    @property
    def dtype(self) -> str:
        """``float16`` or ``float32``: of weights and activations."""
        ...

    @property
    def band(self) -> float:
        """Relative error of a prediction, e.g. 0.10; nan if nobody knows it."""
        ...

    @property
    def fitted(self) -> bool:
        """True if the prices were fitted to whole networks, False if measured."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of what prices depend on: equal fingerprints, equal prices."""
        ...

    def kernels_ms(self, kernels: Sequence[Kernel]) -> float:
        """Price of these kernels without the constant part of a network, in milliseconds."""
        ...

    def out_of_domain(self, trace: Trace) -> list[str]:
        """Why a prediction for a whole network would be a guess; empty if it would not."""
        ...

    def base_ms(self) -> float:
        """What every network pays once, in milliseconds."""
        ...
