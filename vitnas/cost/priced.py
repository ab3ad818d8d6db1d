"""The figures of a network on no device, one or several: their names, and those that follow from others.

With one device a time is ``latency_ms`` or, where the device holds throughput, ``throughput_per_s``. With
several each has its own: ``latency_ms@iphone12``, ``throughput_per_s@rtx4090``; so has what depends on
dtype and batch, such as the peak memory, whose plain name is that of the device which needs the most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.device import BYTES_OF_DTYPE, Device
from vitnas.figures import FIGURES, PEAK_ELEMENTS, Call, Figure, times

TABLE_KINDS = frozenset({"measured", "imported"})  # kinds of devices that hold a table of blocks
PRICED_DIGITS = 9  # of milliseconds: sums of equal blocks in another order differ by less
Columns = dict[str, NDArray[np.float64]]


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
    def counted(self) -> tuple[Figure, ...]:
        """The figures that are sums over blocks, on whatever device."""
        return tuple(figure for figure in FIGURES.values() if figure.of_trace)

    @cached_property
    def counts(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(figure.key for figure in self.counted)

    @cached_property
    def called(self) -> tuple[Figure, ...]:
        """The figures that depend on what a network runs with."""
        return tuple(figure for figure in FIGURES.values() if figure.of_call)

    @cached_property
    def timed(self) -> tuple[Device, ...]:
        """The devices that hold times; one of kind ``limits`` does not."""
        return tuple(device for device in self.devices if device.metric in _metrics())

    @cached_property
    def tabled(self) -> tuple[Device, ...]:
        """The devices with a table of measured blocks."""
        return tuple(device for device in self.timed if device.kind in TABLE_KINDS)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every figure; without a device that holds times ``latency_ms`` is there too, and unknown."""
        held = [self.time_of(device) for device in self.timed] or [_metrics()["latency"]]
        return (*self.counts, *held, *(name for figure in self.called for name in self._names(figure)))

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Every figure that can be priced."""
        return self.names if self.timed else tuple(n for n in self.names if n not in _metrics().values())

    def images(self, device: Device) -> int:
        """Images in a call on a device."""
        return self.batch or device.batch

    def time_of(self, device: Device) -> str:
        """What a device's latency or throughput is called; empty for one that holds none."""
        return self._of(_metrics()[device.metric], device) if device in self.timed else ""

    def of(self, figure: str, device: str = "") -> tuple[str, ...]:
        """Names under which ``figure`` can be priced: for a device or, where it is a time, for all."""
        name = f"{figure}@{device}" if device and len(self.devices) > 1 else figure
        if name in self.known:
            return (name,)
        return () if device else tuple(known for known in self.known if known.startswith(f"{figure}@"))

    def columns(self, priced: NDArray[np.float64]) -> Columns:
        """All figures by name (n,).

        Args:
            priced: (counts + timed devices + 1, n) the counts, the milliseconds of all blocks on each timed
                device, and the peak elements of activations.
        """
        found: Columns = dict(zip(self.counts, priced, strict=False))
        found |= {name: np.full(priced.shape[1], np.nan) for name in self.names if name not in self.known}
        for device, ms in zip(self.timed, priced[len(self.counts) : -1], strict=True):
            whole = np.round(ms + device.base_ms(), PRICED_DIGITS)
            found[self.time_of(device)] = 1000 / whole if device.metric == "throughput" else whole
        for figure in self.called:
            found |= self._called(figure, found, priced[-1])
        return found

    def _called(self, figure: Figure, found: Columns, peak: NDArray[np.float64]) -> Columns:
        assert figure.of_call is not None
        own = {
            name: np.asarray(figure.of_call({PEAK_ELEMENTS: peak, **costs}, call))
            for name, costs, call in self._calls(figure, found)
        }
        worst = np.minimum if figure.axis.more_is_better else np.maximum
        return {figure.key: reduce(worst, own.values())} | own

    def _calls(self, figure: Figure, found: Columns) -> Iterator[tuple[str, Columns, Call]]:
        """Name, other figures and what a network runs with, on each device."""
        if not self.devices:
            yield figure.key, found, Call(4, self.batch or 1)
        for device in self.devices:
            own = {name.removesuffix(f"@{device.name}"): values for name, values in found.items()}
            call = Call(BYTES_OF_DTYPE[device.dtype], self.images(device), device)
            yield self._of(figure.key, device), own, call

    def _names(self, figure: Figure) -> tuple[str, ...]:
        own = [self._of(figure.key, device) for device in self.devices]
        return tuple(dict.fromkeys((figure.key, *own)))

    def _of(self, figure: str, device: Device) -> str:
        return f"{figure}@{device.name}" if len(self.devices) > 1 else figure


def _metrics() -> dict[str, str]:
    """Metric of a device -> figure."""
    return {figure.objective: figure.key for figure in times()}


def figures_of(devices: Device | Sequence[Device] | None, batch: int | None = None) -> Figures:
    """The figures for one device, several or none."""
    if devices is None:
        return Figures((), batch)
    return Figures(tuple(devices) if isinstance(devices, Sequence) else (devices,), batch)
