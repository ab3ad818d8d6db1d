"""A device with a table of measured blocks; blocks that it lacks are predicted from their kernels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property

from vitnas.cost.kernels import Kernel
from vitnas.cost.trace import Trace
from vitnas.formats.resolution import Resolution
from vitnas.hardware.devices.fitted_device import FittedDevice
from vitnas.hardware.profile.block_table import BlockTable, block_id
from vitnas.hardware.profile.profile_fields import Calibration, Profile
from vitnas.space.slots import Context


class MeasuredDevice(FittedDevice):
    """A `vitnas.cost.device.Device` that looks blocks up.

    A network takes ``calibration.base_ms + calibration.scale * sum of its blocks``. The roofline of the
    profile's coefficients was fitted to the same blocks; times the operator's factor it prices a block that
    is not in the table.
    """

    def __init__(self, profile: Profile, table: BlockTable, name: str = "") -> None:
        super().__init__(profile, name)
        self.table = table
        self._calibration = profile.calibration or Calibration(0.0, 1.0, 0)
        self._factors = profile.prediction.factors if profile.prediction else {}

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits of what prices depend on."""
        c = self._calibration
        times = sorted((block_id(block), time.latency_ms) for block, time in self.table.items())
        factors = sorted(self._factors.items())
        priced = json.dumps([super().fingerprint, c.base_ms, c.scale, factors, times])
        return hashlib.sha256(priced.encode()).hexdigest()[:12]

    def block_ms(self, block: Context, kernels: Sequence[Kernel]) -> float:
        """Calibrated time of a block, in milliseconds: measured if the table has it, else predicted."""
        time = self.table.get(block)
        if time is not None:
            return self._calibration.scale * time.latency_ms
        return self._factors.get(block.op, 1.0) * self.kernels_ms(kernels)

    def covers(self, block: Context) -> bool:
        """Whether the table has the block."""
        return block in self.table

    def kernels_ms(self, kernels: Sequence[Kernel]) -> float:
        """Calibrated price of kernels, in milliseconds."""
        return self._calibration.scale * super().kernels_ms(kernels)

    def base_ms(self) -> float:
        """What every network pays once, in milliseconds."""
        return self._calibration.base_ms

    def out_of_domain(self, trace: Trace, resolution_px: Resolution | None = None) -> list[str]:
        """Nothing: what is measured and what predicted is said block by block, see ``covers``."""
        return []
