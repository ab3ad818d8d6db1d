"""What one block costs, and what one architecture does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.features import Features
from vitnas.arch.schema import Architecture
from vitnas.cost.block import trace_block
from vitnas.cost.device import Device
from vitnas.cost.figures import TIMES, Figures, figures_of
from vitnas.space.chain import chain
from vitnas.space.slots import Context

if TYPE_CHECKING:
    from vitnas.cost.trace import Trace

Plain = dict[str, float | int | None]


class BlockPricer:
    """Traces blocks, each distinct one once.

    Args:
        devices: that hold times.
        progress: told how many blocks are priced.

    Attributes:
        width: how many figures a block has: params, macs, activations, milliseconds on each device, peak
            elements of activations, and again milliseconds on each device if they are predicted, else 0.
    """

    def __init__(self, devices: Sequence[Device], progress: Callable[[int], None] | None = None) -> None:
        self.devices = tuple(devices)
        self.width = 4 + 2 * len(self.devices)
        self._progress = progress
        self._known: dict[Context, tuple[NDArray[np.float64], Features]] = {}

    def outputs(self, block: Context) -> Features:
        """What a block gives."""
        return self._priced(block)[1]

    def figures(self, block: Context) -> NDArray[np.float64]:
        """The figures (width,) of a block."""
        return self._priced(block)[0]

    def _priced(self, block: Context) -> tuple[NDArray[np.float64], Features]:
        if block not in self._known:
            self._known[block] = self._trace(block)
            if self._progress is not None:
                self._progress(len(self._known))
        return self._known[block]

    def _trace(self, block: Context) -> tuple[NDArray[np.float64], Features]:
        from vitnas.cost.memory import peak_activation_bytes

        traced, features = trace_block(block)
        times = [device.block_ms(block, traced.kernels) for device in self.devices]
        predicted = [0.0 if d.covers(block) else ms for d, ms in zip(self.devices, times, strict=True)]
        peak = peak_activation_bytes(traced, 1)
        counts = (traced.params, traced.macs, traced.activations)
        return np.array([*counts, *times, peak, *predicted], np.float64), features


def times_of(
    figures: Figures, blocks_ms: Sequence[NDArray[np.float64]], n: int
) -> dict[str, NDArray[np.float64]]:
    """Latency or throughput (n,) by name, from the milliseconds (n,) of all blocks on each timed device."""
    found = {name: np.full(n, np.nan) for name in figures.names if name not in figures.known}
    for device, ms in zip(figures.timed, blocks_ms, strict=True):
        whole = ms + device.base_ms()
        found[figures.time_of(device)] = 1000 / whole if device.metric == "throughput" else whole
    return found


def plain_values(values: Mapping[str, float]) -> Plain:
    """Times as floats (None if unknown), everything else as whole numbers."""
    return plain_rows({name: np.array([value]) for name, value in values.items()})[0]


def plain_rows(columns: Mapping[str, NDArray[np.float64]]) -> list[Plain]:
    """As `plain_values`, for each row of columns (n,)."""
    times = set(TIMES.values())
    plain: list[list[float | int | None]] = [
        [None if value != value else value for value in values.tolist()]
        if name.partition("@")[0] in times
        else np.rint(values).astype(np.int64).tolist()
        for name, values in columns.items()
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]


def trace_architecture(architecture: Architecture) -> Trace:
    """The kernels of one image's way through the whole network."""
    import torch

    from vitnas.arch.build import build
    from vitnas.cost.trace import trace

    with torch.device("meta"):
        network = build(architecture)
    side = architecture.resolution_px
    return trace(network, (1, architecture.in_channels, side, side))


def price_architecture(
    architecture: Architecture, devices: Device | Sequence[Device] | None = None, *, batch: int | None = None
) -> Plain:
    """Costs of one architecture under the names of `Figures`.

    Counts and peak memory come from tracing the whole built network; times are sums over its blocks.

    Args:
        architecture: what to price.
        devices: one, several or none.
        batch: images in a call, which the peak memory is of; None for each device's own.

    Raises:
        InvalidArchitecture: it cannot be built.
    """
    from vitnas.cost.memory import peak_activation_bytes

    figures = figures_of(devices, batch)
    traced = trace_architecture(architecture)
    pricer = BlockPricer(figures.timed)
    sums = [np.zeros(1)] * len(figures.timed)
    if sums:
        total = np.sum([pricer.figures(block) for block in chain(architecture)], axis=0)
        sums = list(total[3 : 3 + len(sums), None])
    counts = {"params": traced.params, "macs": traced.macs, "activations": traced.activations}
    times = {name: float(values[0]) for name, values in times_of(figures, sums, 1).items()}
    peak = peak_activation_bytes(traced, 1)
    return plain_values(counts | times | {n: peak * size for n, size in figures.bytes_an_element.items()})


def coverage(architecture: Architecture, device: Device) -> float:
    """Share of an architecture's time that is measured, not predicted; see `CostTable.coverage`."""
    pricer = BlockPricer((device,))
    total = np.sum([pricer.figures(block) for block in chain(architecture)], axis=0)
    return float(1 - total[5] / (total[3] + device.base_ms()))
