"""A device of a profile: who it is, what it can answer, and its limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vitnas.cost.kernels import Kernel
from vitnas.cost.trace import Trace
from vitnas.hardware.profile.profile_fields import Profile
from vitnas.space.slots import Context
from vitnas.units import percent

ORIGINS = {
    "fitted": "fitted, not measured",
    "measured": "measured",
    "imported": "imported",
    "limits": "limits only, no latency",
}


class ProfiledDevice:
    """A `vitnas.cost.device.Device` of a profile. This one has no prices: every time is nan.

    Attributes:
        name: what the user types, e.g. ``iphone12`` (``profile.name`` is the full, versioned name).
        profile: where the prices come from.
    """

    def __init__(self, profile: Profile, name: str = "") -> None:
        self.profile = profile
        self.name = name or profile.name
        self.kind = profile.kind
        self.metric = profile.metric
        self.batch = profile.conditions.batch
        self.dtype = profile.conditions.dtype
        self.limits = profile.limits
        self.band = profile.error.band if profile.error else math.nan

    @property
    def label(self) -> str:
        """What has to stand wherever a figure of this device is printed."""
        band = f", ±{percent(self.band)} %" if self.profile.error else ""
        what = f", throughput in batches of {self.batch}" if self.metric == "throughput" else ""
        return f"{self.profile.name} ({ORIGINS[self.kind]}{band}{what})"

    @property
    def fingerprint(self) -> str:
        """12 hex digits of what prices depend on: equal fingerprints, equal prices."""
        return self.kind

    def block_ms(self, block: Context, kernels: Sequence[Kernel]) -> float:
        """Price of a block of ours, in milliseconds."""
        return self.kernels_ms(kernels)

    def covers(self, block: Context) -> bool:
        """Whether the block was measured."""
        return False

    def kernels_ms(self, kernels: Sequence[Kernel]) -> float:
        """Price of these kernels without the constant part of a network, in milliseconds."""
        return math.nan

    def base_ms(self) -> float:
        """What every network pays once, in milliseconds."""
        return math.nan

    def out_of_domain(self, trace: Trace) -> list[str]:
        """Why a prediction for this network would be a guess; empty if it would not."""
        return []

    def refusal(self, batch: int | None, resolution_px: int | None) -> str:
        """Why it cannot answer for this batch or resolution, and what to do; empty if it can."""
        if batch is not None and batch != self.batch and self.metric != "none":
            held = f"{self.name} holds {self.metric} at batch {self.batch}, not {batch}"
            return f"{held}; {self._advice('`batch`', batch)}"
        least, most = self.profile.resolution_px
        if resolution_px is not None and most and not least <= resolution_px <= most:
            span = f"{least} px" if least == most else f"{least} to {most} px"
            return (
                f"{self.name} holds {self.metric} at {span}, not {resolution_px} px; "
                f"{self._advice('`resolution_px`', resolution_px)}"
            )
        return ""

    def _advice(self, setting: str, value: int) -> str:
        if self.kind == "fitted":
            return "its rows have none: choose another device (see 'vitnas devices')"
        return f"measure a device for it by 'vitnas profile measure' with {setting} {value}"
