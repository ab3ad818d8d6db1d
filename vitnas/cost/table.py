"""What every candidate of a space costs, by indexing: each distinct block is traced once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vitnas.cost import cache
from vitnas.cost.columns import Costs, Plain
from vitnas.cost.device import Device
from vitnas.cost.priced import Figures, figures_of
from vitnas.cost.pricer import BlockPricer
from vitnas.cost.verify import require_traced
from vitnas.errors import InvalidArchitecture, InvalidSpace, PluginError, StaleCosts
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Column, Lookup
from vitnas.space.slots import Slot, list_slots
from vitnas.space.space import Space

PROBES = 2  # networks that a kept table is compared with before it is used

Devices = Device | Sequence[Device] | None
Progress = Callable[[int], None] | None


class CostTable:
    """Prices genomes of one space for any number of devices.

    The sums equal tracing the whole built network exactly, because a network is a chain of its slots.

    Attributes:
        figures: what is priced, and for which devices.
    """

    def __init__(self, space: Space, figures: Figures, columns: list[Column]) -> None:
        self.space = space
        self.figures = figures
        self.columns = columns  # one for each slot, with the figures of `BlockPricer.row`
        self._sums = len(figures.counts) + len(figures.timed)
        self._lookup = Lookup([_part(c, slice(0, self._sums + 1)) for c in columns], sums=self._sums)

    @property
    def devices(self) -> tuple[Device, ...]:
        """That networks are priced for."""
        return self.figures.devices

    def price(self, genomes: Genomes) -> Costs:
        """Costs of canonical genomes (n, G)."""
        return Costs(self.figures.columns(self._lookup(genomes).T))

    def with_columns(self, columns: list[Column]) -> CostTable:
        """The table of the same figures with other columns."""
        return CostTable(self.space, self.figures, columns)

    def price_one(self, genome: NDArray[np.uint8]) -> Plain:
        """Costs of one genome (G,) as plain numbers."""
        return self.price(genome[None]).row(0)

    def require_traced(self, genomes: Genomes) -> None:
        """Build and trace networks (n, G), each distinct block once, and compare what the table says of them.

        Raises:
            StaleCosts: a figure differs; the kept table is dropped.
        """
        try:
            require_traced(self.space, genomes, self.price(genomes).row)
        except StaleCosts:
            cache.drop(cache.path_of(self.space, self.figures))
            raise

    def coverage(self, genomes: Genomes) -> dict[str, NDArray[np.float64]]:
        """Device -> share (n,) of each genome's time that is measured, not predicted.

        Only for devices with a table. What every network pays once was measured on whole networks.
        """
        if not self.figures.tabled:
            return {}
        predicted_ms = self._predicted(genomes).T
        times = self._lookup(genomes).T[len(self.figures.counts) : self._sums]
        return {
            device.name: 1 - predicted_ms[k] / (times[k] + device.base_ms())
            for k, device in enumerate(self.figures.timed)
            if device in self.figures.tabled
        }

    @cached_property
    def _predicted(self) -> Lookup:
        """Of each timed device, the milliseconds of the blocks that its table lacks."""
        count = len(self.figures.timed)
        return Lookup([_part(c, slice(self._sums + 1, None)) for c in self.columns], sums=count)

    @classmethod
    def build(
        cls, space: Space, devices: Devices = None, progress: Progress = None, *, batch: int | None = None
    ) -> CostTable:
        """Trace every distinct block of the space.

        Args:
            space: the space.
            devices: one, several or none.
            progress: told how many blocks are priced.
            batch: images in a call, which the peak memory is of; None for each device's own.

        Raises:
            InvalidSpace: a combination of choices cannot be built.
        """
        figures = figures_of(devices, batch)
        pricer = BlockPricer(figures, progress)
        slots = list_slots(space.template, pricer.outputs)
        return cls(space, figures, [_column(slot, pricer) for slot in slots])

    @classmethod
    def cached(
        cls, space: Space, devices: Devices = None, progress: Progress = None, *, batch: int | None = None
    ) -> CostTable:
        """The table from disk if nothing that it depends on has changed, else built and kept."""
        figures = figures_of(devices, batch)
        path = cache.path_of(space, figures)
        columns = cache.load(path)
        with contextlib.suppress(StaleCosts):
            if columns is not None:
                kept = cls(space, figures, columns)
                if cache.foreign_operators(space):  # those of our own always agree
                    kept.require_traced(space.sample(PROBES, np.random.default_rng(0)))
                return kept
        table = cls.build(space, devices, progress, batch=batch)
        cache.save(path, table.columns)
        return table


def _part(column: Column, figures: slice) -> Column:
    return Column(column.genes, column.shape, column.values[:, figures])


def _column(slot: Slot, pricer: BlockPricer) -> Column:
    nothing = np.zeros(pricer.width)
    try:
        rows = [nothing if c is None else pricer.row(c) for c in slot.table.entries]
    except InvalidArchitecture as problem:
        raise InvalidSpace(f"{slot.path}: {problem}") from None
    except PluginError as problem:
        raise problem.at(slot.path) from problem.__cause__
    return Column(slot.table.genes, slot.table.shape, np.array(rows))
