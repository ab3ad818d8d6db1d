"""What the figures of a network are called, for no device, one or several.

With one device a time is ``latency_ms`` or, where the device holds throughput, ``throughput_per_s``. With
several each has its own: ``latency_ms@iphone12``, ``throughput_per_s@rtx4090``, ``peak_bytes@iphone12``;
``peak_bytes`` alone is then that of the device which needs the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vitnas.cost.device import BYTES_OF_DTYPE, Device

COUNTS = ("params", "macs", "activations")
PEAK = "peak_bytes"
TIMES = {"latency": "latency_ms", "throughput": "throughput_per_s"}  # metric of a device -> figure
TABLE_KINDS = frozenset({"measured", "imported"})  # kinds of devices that hold a table of blocks


@dataclass(frozen=True)
class Figures:
    """The figures of a network, by name.

    Attributes:
        devices: that networks are priced for.
        batch: images in a call; None for what each device was measured with (1 without a device).
    """

    devices: tuple[Device, ...] = ()
    batch: int | None = None

    @cached_property
    def timed(self) -> tuple[Device, ...]:
        """The devices that hold times; one of kind ``limits`` does not."""
        return tuple(device for device in self.devices if device.metric in TIMES)

    @cached_property
    def tabled(self) -> tuple[Device, ...]:
        """The devices with a table of measured blocks."""
        return tuple(device for device in self.timed if device.kind in TABLE_KINDS)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every figure; without a device that holds times ``latency_ms`` is there too, and unknown."""
        times = [self.time_of(device) for device in self.timed] or [TIMES["latency"]]
        return (*COUNTS, *times, *self.bytes_an_element)

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Every figure that can be priced."""
        return self.names if self.timed else tuple(n for n in self.names if n != TIMES["latency"])

    @cached_property
    def bytes_an_element(self) -> dict[str, int]:
        """Peak figure -> bytes of one element of an image's activations, times the images of a call."""
        if not self.devices:
            return {PEAK: 4 * (self.batch or 1)}
        scales = {device.name: BYTES_OF_DTYPE[device.dtype] * self.images(device) for device in self.devices}
        own = {self._of(PEAK, device): scales[device.name] for device in self.devices}
        return {PEAK: max(scales.values())} | own

    def images(self, device: Device) -> int:
        """Images in a call on a device."""
        return self.batch or device.batch

    def time_of(self, device: Device) -> str:
        """What a device's latency or throughput is called."""
        return self._of(TIMES[device.metric], device)

    def of(self, figure: str, device: str = "") -> tuple[str, ...]:
        """Names under which ``figure`` can be priced: for a device or, where it is a time, for all."""
        name = f"{figure}@{device}" if device and len(self.devices) > 1 else figure
        if name in self.known:
            return (name,)
        return () if device else tuple(known for known in self.known if known.startswith(f"{figure}@"))

    def _of(self, figure: str, device: Device) -> str:
        return f"{figure}@{device.name}" if len(self.devices) > 1 else figure


def figures_of(devices: Device | Sequence[Device] | None, batch: int | None = None) -> Figures:
    """The figures for one device, several or none."""
    if devices is None:
        return Figures((), batch)
    return Figures(tuple(devices) if isinstance(devices, Sequence) else (devices,), batch)
