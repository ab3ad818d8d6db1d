"""What a stage has: depth, width, expansion and attention width, for whole populations of genomes.

Everything is a sum over slots of table entries, so a population is read by indexing. What an argument of an
operator means is its role, see `vitnas.arch.operators.ROLES`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.features import Features
from vitnas.arch.operators import Scalar, meanings
from vitnas.arch.values import Open, Value, close
from vitnas.errors import InvalidSpace
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Column, Lookup
from vitnas.space.slots import MAX_ENTRIES, Context, Slot, Table, list_slots
from vitnas.space.space import Space

TABULATED_ENTRIES = 4096  # a resource of so few combinations is one table


def expansion_of(op: str, args: Mapping[str, Scalar], width: int) -> float:
    """Hidden channels of the block's MLP over its width; 0 for a block without one."""
    known = meanings(op, args)
    if "expansion" in known:
        return float(known["expansion"])
    return float(known.get("hidden_width", 0)) / width


def attention_width_of(op: str, args: Mapping[str, Scalar], width: int) -> float:
    """Heads times channels of a head's value; 0 for a block without attention.

    An operator with heads but no head width shares its ``width`` among them.
    """
    known = meanings(op, args)
    if "attention_width" in known:
        return float(known["attention_width"])
    if "heads" not in known:
        return 0.0
    heads = float(known["heads"])
    if "value_dim" in known:
        return heads * float(known["value_dim"])
    if "key_dim" in known:
        return heads * float(int(float(known["key_dim"]) * float(known.get("attention_ratio", 1))))
    return float(width)


Figure = Callable[[Context], float]
MEANS = {"expansion": expansion_of, "attention": attention_width_of}  # over the blocks of a stage


@dataclass(frozen=True)
class Resource:
    """One quantity of one stage: a root of the sum of its columns' entries.

    Attributes:
        name: ``stages.I.KIND``, where KIND is depth, width, expansion or attention.
        columns: hold the terms of the sum.
        power: of which the root is taken.
    """

    name: str
    columns: tuple[Column, ...]
    power: float = 1.0

    @property
    def kind(self) -> str:
        """depth, width, expansion or attention."""
        return self.name.rsplit(".", 1)[1]

    @property
    def stage(self) -> int:
        """Index of the stage."""
        return int(self.name.split(".")[1])

    @property
    def varies(self) -> bool:
        """Whether two genomes can differ in it."""
        return self.high > self.low * (1 + 1e-9) + 1e-12

    @cached_property
    def genes(self) -> tuple[int, ...]:
        """Positions of the genes that it depends on, sorted."""
        return tuple(sorted({gene for column in self.columns for gene in column.genes}))

    @cached_property
    def low(self) -> float:
        """A bound from below of what it can be."""
        return self._bound(np.min)

    @cached_property
    def high(self) -> float:
        """A bound from above."""
        return self._bound(np.max)

    def _bound(self, pick: Callable[..., NDArray[np.float64]]) -> float:
        """Bound of the sum: columns agree on the genes they share, and are free in the others."""
        shared = set(self.columns[0].genes).intersection(*(c.genes for c in self.columns))
        total: NDArray[np.float64] | float = 0.0
        for column in self.columns:
            own = tuple(k for k, gene in enumerate(column.genes) if gene not in shared)
            total = total + pick(column.values[:, 0].reshape(column.shape), axis=own)
        return float(self._root(pick(np.asarray(total))))

    def _root(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return sums if self.power == 1 else sums ** (1 / self.power)

    @cached_property
    def _lookup(self) -> Lookup:
        place = {gene: k for k, gene in enumerate(self.genes)}
        own = [Column(tuple(place[g] for g in c.genes), c.shape, c.values) for c in self.columns]
        return Lookup(own, sums=1)

    def values(self, genomes: Genomes) -> NDArray[np.float64]:
        """The quantity (n,) of canonical genomes (n, G)."""
        return self._root(self._lookup(genomes[:, self.genes])[:, 0])

    def tabulated(self) -> Column | None:
        """All of it as one column, or None if it has too many combinations."""
        shapes = {g: n for c in self.columns for g, n in zip(c.genes, c.shape, strict=True)}
        shape = tuple(shapes[g] for g in self.genes)
        if math.prod(shape) > TABULATED_ENTRIES:
            return None
        sums = np.sum([c.spread(self.genes, shape) for c in self.columns], axis=0)
        return Column(self.genes, shape, self._root(sums))


@lru_cache(maxsize=4)
def shapeless_slots(space: Space) -> list[Slot]:
    """The slots with operators, widths and arguments, and no shapes: no module is run for them."""
    return list_slots(space.template, lambda _: Features(1, 1))


def depth_columns(space: Space) -> list[Column]:
    """Columns whose sum is the number of blocks of the network."""
    return [r.columns[0] for r in stage_resources(space) if r.kind == "depth"]


def stage_resources(space: Space, *, power: float = 1.0, ramp: float = 0.0) -> list[Resource]:
    """Every resource of every stage, those that cannot vary included.

    Args:
        space: the space.
        power: a of a stage's mean expansion and mean attention width, ``(mean_k x_k^a)^(1/a)``: below 1, of
            equal plain means that of equal blocks is the largest.
        ramp: in both means the k-th block of the stage (1, 2, ...) counts k**ramp.

    Raises:
        InvalidSpace: the block numbers of a stage depend on too many genes at once.
    """
    slots = shapeless_slots(space)
    resources = []
    for index, plan in enumerate(space.template.stages):
        blocks = [slot for slot in slots if slot.is_block and slot.stage == index]
        stage = _Stage(space, blocks)
        columns = {
            "depth": stage.depth(),
            "width": (_width(space, plan.width),),
        }
        columns |= {kind: stage.mean(_powers_of(figure, power), ramp) for kind, figure in MEANS.items()}
        resources += [
            Resource(f"stages.{index}.{kind}", c, power if kind in MEANS else 1.0)
            for kind, c in columns.items()
            if c
        ]
    return resources


def _powers_of(figure: Callable[[str, Mapping[str, Scalar], int], float], power: float) -> Figure:
    return lambda c: figure(c.op, dict(c.args), c.width) ** power


def _width(space: Space, value: Value) -> Column:
    if not isinstance(value, Open):
        return Column((), (), np.array([[float(value)]]))
    genes = tuple(sorted(value.genes))
    shape = tuple(len(space.genes[g].choices) for g in genes)
    chosen = [gene.choices[0] for gene in space.genes]
    values = []
    for combination in itertools.product(*(space.genes[g].choices for g in genes)):
        for gene, choice in zip(genes, combination, strict=True):
            chosen[gene] = choice
        values.append([float(close(value, chosen))])
    return Column(genes, shape, np.array(values))


class _Stage:
    """The blocks of one stage, with their numbers as tables over the genes that decide the depth."""

    def __init__(self, space: Space, slots: Sequence[Slot]) -> None:
        self.space = space
        self.slots = slots
        present = [self._column(slot, lambda context: 1.0) for slot in slots]
        self.controls = self._sorted_union(present)
        self.present = [p.spread(*self.controls)[:, 0] for p in present]  # (slots, combinations)

    def _column(self, slot: Slot, figure: Figure) -> Column:
        """A figure of one slot, 0 where no block stands, over the genes that matter to it."""
        entries = tuple(0.0 if c is None else figure(c) for c in slot.table.entries)
        table = Table(slot.table.genes, slot.table.shape, entries).reduced()
        return Column(table.genes, table.shape, np.array(table.entries, np.float64)[:, None])

    def _sorted_union(self, columns: Iterable[Column]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        genes = tuple(sorted({gene for column in columns for gene in column.genes}))
        shape = tuple(len(self.space.genes[g].choices) for g in genes)
        if math.prod(shape) > MAX_ENTRIES:
            names = ", ".join(self.space.genes[g].name for g in genes)
            raise InvalidSpace(
                f"{self.space.name}: the number of blocks of a stage depends on too many genes ({names})"
            )
        return genes, shape

    def depth(self) -> tuple[Column, ...]:
        if not self.slots:
            return ()
        return (Column(*self.controls, np.sum(self.present, axis=0)[:, None]),)

    def mean(self, figure: Figure, ramp: float) -> tuple[Column, ...]:
        """Mean of a figure over the stage's blocks, the k-th of which counts k**ramp."""
        if not self.slots:
            return ()
        numbers = np.cumsum(self.present, axis=0)  # 1 for the first block that is there
        shares = np.where(self.present, numbers**ramp, 0.0)
        shares = shares / np.maximum(shares.sum(axis=0), 1e-300)
        columns = []
        for slot, share in zip(self.slots, shares, strict=True):
            own = self._column(slot, figure)
            genes, shape = self._sorted_union([own, Column(*self.controls, share[:, None])])
            values = own.spread(genes, shape) * Column(*self.controls, share[:, None]).spread(genes, shape)
            columns.append(Column(genes, shape, values))
        return tuple(columns)
