"""What one block costs, and what one architecture does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from vitnas.arch.build import build, build_op, given_features, running_op
from vitnas.arch.features import Features
from vitnas.arch.schema import Architecture
from vitnas.cost.columns import Plain, plain_rows
from vitnas.cost.device import Device
from vitnas.cost.priced import Figures, figures_of
from vitnas.errors import InvalidArchitecture
from vitnas.space.chain import chain
from vitnas.space.slots import Context

if TYPE_CHECKING:
    from vitnas.cost.trace import Trace


class BlockPricer:
    """Traces blocks, each distinct one once.

    Args:
        figures: names and devices.
        progress: told how many blocks are priced.

    Attributes:
        width: how many figures a block has: the counts, milliseconds on each device that holds times, peak
            elements of activations, and again milliseconds on each device if they are predicted, else 0.
    """

    def __init__(self, figures: Figures, progress: Callable[[int], None] | None = None) -> None:
        self.figures = figures
        self.width = len(figures.counts) + 2 * len(figures.timed) + 1
        self._progress = progress
        self._known: dict[Context, tuple[NDArray[np.float64], Features]] = {}

    def outputs(self, block: Context) -> Features:
        """What a block gives."""
        return self._priced(block)[1]

    def row(self, block: Context) -> NDArray[np.float64]:
        """The figures (width,) of a block."""
        return self._priced(block)[0]

    def _priced(self, block: Context) -> tuple[NDArray[np.float64], Features]:
        if block not in self._known:
            self._known[block] = self._trace(block)
            if self._progress is not None:
                self._progress(len(self._known))
        return self._known[block]

    def _trace(self, block: Context) -> tuple[NDArray[np.float64], Features]:
        traced, features = trace_block(block)
        devices = self.figures.timed
        times = [device.block_ms(block, traced.kernels) for device in devices]
        predicted = [0.0 if d.covers(block) else ms for d, ms in zip(devices, times, strict=True)]
        counts, peak = _counted(self.figures, traced)
        return np.array([*counts, *times, peak, *predicted], np.float64), features


def _counted(figures: Figures, traced: Trace) -> tuple[list[float], int]:
    """The counts of a trace, and the peak elements of its activations."""
    from vitnas.cost.peak import peak_activation_bytes

    counts = [figure.of_trace(traced) for figure in figures.counted if figure.of_trace]
    return counts, peak_activation_bytes(traced, 1)


def trace_block(block: Context) -> tuple[Trace, Features]:
    """Its kernels at batch 1, and what it gives (a head, which ends a network: what it took).

    Raises:
        InvalidArchitecture: the operator cannot be built for these features and arguments.
        PluginError: the operator's code raises, or gives no features.
    """
    from vitnas.cost.trace import trace

    with torch.device("meta"):
        module = build_op(block.op, block.inputs, block.width, dict(block.args))
    with running_op(block.op, block.inputs, block.width, block.args):
        traced = trace(module, block.inputs.shape())
    shape = traced.output_shape
    return traced, block.inputs if len(shape) == 2 else given_features(block.op, shape, block.inputs, module)


def trace_architecture(architecture: Architecture) -> Trace:
    """The kernels of one image's way through the whole network.

    Raises:
        InvalidArchitecture: an operator cannot be built.
        PluginError: an operator's code raises.
    """
    from vitnas.cost.trace import trace

    with torch.device("meta"):
        network = build(architecture)
    try:
        return trace(network, (1, *architecture.input_shape))
    except Exception:
        for block in chain(architecture):
            trace_block(block)  # the block that raises alone has an error that names it
        raise


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
    figures = figures_of(devices, batch)
    counts, peak = _counted(figures, trace_architecture(architecture))
    times = _summed(architecture, figures)[len(counts) :][: len(figures.timed)] if figures.timed else ()
    return plain_rows(figures.columns(np.array([[*counts, *times, peak]], np.float64).T))[0]


class NetworkPricer:
    """Prices networks by their blocks, as `price_architecture` does by the whole.

    A network is built on the way, block by block on the meta device: what has a price can be built.
    """

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._blocks = BlockPricer(figures)
        self._known: dict[str, Plain] = {}

    def price(self, architecture: Architecture) -> Plain:
        """Costs under the names of `Figures`.

        Raises:
            InvalidArchitecture: it cannot be built; the message names the block.
        """
        if architecture.id not in self._known:
            self._known[architecture.id] = self._priced(architecture)
        return dict(self._known[architecture.id])

    def _priced(self, architecture: Architecture) -> Plain:
        try:
            rows = np.array([self._blocks.row(block) for block in chain(architecture)])
        except InvalidArchitecture:
            trace_architecture(architecture)  # says which block it is
            raise
        added = len(self.figures.counts) + len(self.figures.timed)
        priced = np.array([*rows.sum(axis=0)[:added], rows[:, added].max()])
        return plain_rows(self.figures.columns(priced[:, None]))[0]


def coverage(architecture: Architecture, device: Device) -> float:
    """Share of an architecture's time that is measured, not predicted; see `CostTable.coverage`."""
    ms, _, predicted_ms = _summed(architecture, Figures((device,)))[-3:]
    return float(1 - predicted_ms / (ms + device.base_ms()))


def _summed(architecture: Architecture, figures: Figures) -> NDArray[np.float64]:
    """The sums (width,) of the rows of all blocks."""
    pricer = BlockPricer(figures)
    return np.asarray(np.sum([pricer.row(block) for block in chain(architecture)], axis=0))
