"""What every candidate of a space costs, by indexing: each distinct block is traced once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.build import build_op, features_of
from vitnas.arch.features import Features
from vitnas.arch.schema import Architecture
from vitnas.cost import cache
from vitnas.cost.device import BYTES_OF_DTYPE, Device
from vitnas.errors import InvalidArchitecture, InvalidSpace
from vitnas.space.activity import Genomes
from vitnas.space.chain import chain
from vitnas.space.lookup import Column, Lookup
from vitnas.space.slots import Context, Slot, list_slots
from vitnas.space.space import Space

if TYPE_CHECKING:
    from vitnas.cost.trace import Trace

FIGURES = ("params", "macs", "activations", "latency_ms", "peak_bytes")  # the last one is a maximum
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Costs:
    """Costs of n candidates; every array is (n,).

    Attributes:
        params: parameters.
        macs: multiply-accumulates of convolutions, linear layers and matrix products, one image.
        activations: output elements of the same, one image.
        latency_ms: on the table's device; nan without one.
        peak_bytes: most bytes of activations alive at once, one image, at the device's dtype (float32
            without a device).
    """

    params: NDArray[np.float64]
    macs: NDArray[np.float64]
    activations: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    peak_bytes: NDArray[np.float64]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name not in FIGURES:
            raise KeyError(name)
        column: NDArray[np.float64] = getattr(self, name)
        return column

    def __len__(self) -> int:
        return len(self.params)

    def rows(self, index: Any) -> Costs:
        """The costs of some candidates."""
        return Costs(**{name: self[name][index] for name in FIGURES})

    def row(self, position: int) -> dict[str, float | int | None]:
        """One candidate's costs as plain numbers; latency None without a device."""
        out: dict[str, float | int | None] = {}
        for name in FIGURES:
            value = float(self[name][position])
            out[name] = (None if np.isnan(value) else value) if name == "latency_ms" else round(value)
        return out


class CostTable:
    """Prices genomes of one space for one device (or none).

    The sums equal tracing the whole built network exactly, because a network is a chain of its slots.
    """

    def __init__(self, space: Space, device: Device | None, columns: list[Column]) -> None:
        self.space = space
        self.device = device
        self._base_ms = device.base_ms() if device else float("nan")
        self._lookup = Lookup(columns, sums=4)

    @property
    def columns(self) -> list[Column]:
        """One column for each slot, as built."""
        return self._lookup.columns

    def price(self, genomes: Genomes) -> Costs:
        """Costs of canonical genomes (n, G)."""
        figures = self._lookup(genomes)
        params, macs, activations, latency, peak = figures.T
        return Costs(params, macs, activations, latency + self._base_ms, peak)

    def price_one(self, genome: NDArray[np.uint8]) -> dict[str, float | int | None]:
        """Costs of one genome (G,) as plain numbers."""
        return self.price(genome[None]).row(0)

    @classmethod
    def build(cls, space: Space, device: Device | None = None, progress: Progress | None = None) -> CostTable:
        """Trace every distinct block of the space.

        Raises:
            InvalidSpace: a combination of choices cannot be built.
        """
        pricer = BlockPricer(device, progress)
        slots = list_slots(space.template, pricer.outputs)
        return cls(space, device, [_column(slot, pricer) for slot in slots])

    @classmethod
    def cached(
        cls, space: Space, device: Device | None = None, progress: Progress | None = None
    ) -> CostTable:
        """The table from disk if nothing that it depends on has changed, else built and kept."""
        path = cache.path_of(space, device)
        columns = cache.load(path)
        if columns is not None:
            return cls(space, device, columns)
        table = cls.build(space, device, progress)
        cache.save(path, table.columns)
        return table


class BlockPricer:
    """Traces blocks, each distinct one once."""

    def __init__(self, device: Device | None, progress: Progress | None = None) -> None:
        self.device = device
        self.bytes_per_element = BYTES_OF_DTYPE[device.dtype] if device is not None else 4
        self._progress = progress
        self._known: dict[Context, tuple[NDArray[np.float64], Features]] = {}

    def outputs(self, context: Context) -> Features:
        """What a block gives."""
        return self._priced(context)[1]

    def figures(self, context: Context) -> NDArray[np.float64]:
        """``FIGURES`` of a block."""
        return self._priced(context)[0]

    def _priced(self, context: Context) -> tuple[NDArray[np.float64], Features]:
        if context not in self._known:
            self._known[context] = self._trace(context)
            if self._progress is not None:
                self._progress(len(self._known))
        return self._known[context]

    def _trace(self, context: Context) -> tuple[NDArray[np.float64], Features]:
        import torch

        from vitnas.cost.memory import peak_activation_bytes
        from vitnas.cost.trace import trace

        with torch.device("meta"):
            module = build_op(context.op, context.inputs, context.width, dict(context.args))
        traced = trace(module, context.inputs.shape())
        latency = self.device.block_ms(context, traced.kernels) if self.device else float("nan")
        peak = peak_activation_bytes(traced, self.bytes_per_element)
        shape = traced.output_shape
        features = features_of(shape) if len(shape) > 2 else context.inputs
        return np.array([traced.params, traced.macs, traced.activations, latency, peak], np.float64), features


def _column(slot: Slot, pricer: BlockPricer) -> Column:
    try:
        rows = [np.zeros(len(FIGURES)) if c is None else pricer.figures(c) for c in slot.table.entries]
    except InvalidArchitecture as problem:
        raise InvalidSpace(f"{slot.path}: {problem}") from None
    return Column(slot.table.genes, slot.table.shape, np.array(rows))


def trace_architecture(architecture: Architecture) -> Trace:
    """The kernels of one image's way through the whole network."""
    import torch

    from vitnas.arch.build import build
    from vitnas.cost.trace import trace

    with torch.device("meta"):
        network = build(architecture)
    side = architecture.resolution_px
    return trace(network, (1, architecture.in_channels, side, side))


def price_architecture(architecture: Architecture, device: Device | None = None) -> dict[str, Any]:
    """Costs of one architecture, by tracing the whole built network; latency as the sum over its blocks."""
    from vitnas.cost.memory import peak_activation_bytes

    traced = trace_architecture(architecture)
    return {
        "params": traced.params,
        "macs": traced.macs,
        "activations": traced.activations,
        "peak_bytes": peak_activation_bytes(traced, BYTES_OF_DTYPE[device.dtype] if device else 4),
        "latency_ms": _latency_ms(architecture, device) if device else None,
    }


def _latency_ms(architecture: Architecture, device: Device) -> float:
    pricer = BlockPricer(device)
    column = FIGURES.index("latency_ms")
    return device.base_ms() + sum(float(pricer.figures(block)[column]) for block in chain(architecture))
