"""A device of a profile: who it is, what it can answer, and its limits."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Self

from vitnas.cost.kernels import Kernel
from vitnas.cost.trace import Trace
from vitnas.formats.resolution import Resolution, as_scalar, in_px, is_square, pixels, span_in_px
from vitnas.hardware.profile.profile_fields import Profile
from vitnas.space.slots import Context
from vitnas.units import percent

ORIGINS = {
    "fitted": "fitted, not measured",
    "measured": "measured",
    "imported": "imported",
    "limits": "limits only, no latency",
}
UNSEEN_BAND = 1.5  # times the band, at resolutions that a fit has not seen: see docs/measuring.md


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

    def out_of_domain(self, trace: Trace, resolution_px: Resolution | None = None) -> list[str]:
        """Why a prediction for this network would be a guess; empty if it would not."""
        return []

    def unseen(self, resolution_px: Resolution) -> str:
        """Why a fit's prediction for this resolution is a guess; empty if it is none."""
        least, most = self.profile.resolution_px
        if self.kind != "fitted" or not most or (is_square(resolution_px) and self._within(resolution_px)):
            return ""
        return f"its rows are of squares of {span_in_px(least, most)}, not of {in_px(resolution_px)}"

    def at(self, resolutions_px: Iterable[Resolution]) -> Self:
        """The device as it answers for images of these: with a wider band, where a fit has not seen them."""
        if not any(map(self.unseen, resolutions_px)):
            return self
        wider = copy.copy(self)
        wider.band = UNSEEN_BAND * self.band
        return wider

    def knows(self, batch: int | None, resolution_px: Resolution) -> bool:
        """Whether it answers, and not by a guess at another resolution."""
        return not (self.refusal(batch, resolution_px) or self.unseen(resolution_px))

    def _within(self, resolution_px: Resolution) -> bool:
        """Whether it is one of the profile's resolutions, or lies between two of them."""
        least, most = self.profile.resolution_px
        between = least != most and pixels(least) <= pixels(resolution_px) <= pixels(most)
        return not most or resolution_px in (least, most) or between

    def refusal(self, batch: int | None, resolution_px: Resolution | None) -> str:
        """Why it cannot answer for this batch or resolution, and what to do; empty if it can.

        A fit prices work and bytes, so it answers for every resolution; what it has not seen is `unseen`.
        """
        if batch is not None and batch != self.batch and self.metric != "none":
            held = f"{self.name} holds {self.metric} at batch {self.batch}, not {batch}"
            return f"{held}; {self._advice('`batch`', batch)}"
        if resolution_px is not None and self.kind != "fitted" and not self._within(resolution_px):
            span = span_in_px(*self.profile.resolution_px)
            return (
                f"{self.name} holds {self.metric} at {span}, not {in_px(resolution_px)}; "
                f"{self._advice('`resolution_px`', as_scalar(resolution_px))}"
            )
        return ""

    def _advice(self, setting: str, value: int | str) -> str:
        if self.kind == "fitted":
            return "its rows have none: choose another device (see 'vitnas devices')"
        return f"measure a device for it by 'vitnas profile measure' with {setting} {value}"
