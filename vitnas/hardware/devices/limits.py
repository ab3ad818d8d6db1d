"""A device of which only limits are known."""

from __future__ import annotations

from collections.abc import Sequence

from vitnas.cost.kernels import Kernel
from vitnas.cost.trace import Trace
from vitnas.hardware.devices.profiled import ProfileDevice
from vitnas.space.slots import Context


class LimitsDevice(ProfileDevice):
    """A `vitnas.cost.device.Device` without prices: every latency is nan."""

    @property
    def fingerprint(self) -> str:
        """Its prices depend on nothing."""
        return "limits"

    def block_ms(self, block: Context, kernels: Sequence[Kernel]) -> float:
        """Unknown: nan."""
        return float("nan")

    def covers(self, block: Context) -> bool:
        """No block was measured."""
        return False

    def kernels_ms(self, kernels: Sequence[Kernel]) -> float:
        """Unknown: nan."""
        return float("nan")

    def base_ms(self) -> float:
        """Unknown: nan."""
        return float("nan")

    def out_of_domain(self, trace: Trace) -> list[str]:
        """Nothing is predicted."""
        return []
