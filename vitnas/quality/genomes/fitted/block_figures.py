"""What stands in every block slot and every stage, as columns of look-up tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.operators import Scalar, arguments
from vitnas.quality.genomes.resources import (
    attention_width_of,
    expansion_of,
    shapeless_slots,
    stage_resources,
)
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Column
from vitnas.space.slots import Context, Slot, Table
from vitnas.space.space import Space

SHAPE, LEVELS, GENES = "shape", "levels", "genes"
EXPANSIONS, ATTENTION, OTHER = "expansion", "attention", "other"


@dataclass(frozen=True)
class Atom:
    """One number of a genome, read from one table.

    Attributes:
        name: key path and kind.
        kind: ``expansion``, ``attention`` or ``other`` of a block; ``shape`` (a logarithm), ``levels`` or
            ``genes`` (indicators).
        figure: what is measured; atoms of equal kind, figure and stage share a scale.
        stage: index; -1 without one.
        column: its values; nan where no block stands.
    """

    name: str
    kind: str
    figure: str
    stage: int
    column: Column

    def values(self, genomes: Genomes) -> NDArray[np.float64]:
        """The number (n,) of canonical genomes (n, G); nan where no block stands."""
        return column_values(self.column, genomes)


def column_values(column: Column, genomes: Genomes) -> NDArray[np.float64]:
    """First figure (n,) of a column for canonical genomes (n, G)."""
    if not column.genes:
        return np.full(len(genomes), column.values[0, 0])
    index = np.ravel_multi_index([genomes[:, g].astype(np.intp) for g in column.genes], column.shape)
    found: NDArray[np.float64] = column.values[index, 0]
    return found


def list_atoms(space: Space) -> list[Atom]:
    """All that can differ between two genomes of a space, in a fixed order.

    Of a block: expansion, attention width, every other argument that varies, and which operator it is. Of a
    stage: logarithms of depth and width, and an indicator for each depth and width. Of what else is open
    (a resolution, an argument of the stem): an indicator for each choice.
    """
    slots = [slot for slot in shapeless_slots(space) if slot.is_block]
    atoms = [atom for slot in slots for atom in _of_slot(slot)] + list(_of_stages(space))
    seen = {gene for atom in atoms for gene in atom.column.genes}
    for position, gene in enumerate(space.genes):
        if position not in seen:
            count = len(gene.choices)
            atoms += _indicators(gene.name, GENES, -1, Column((position,), (count,), _ramp(count)))
    return atoms


def _ramp(count: int) -> NDArray[np.float64]:
    return np.arange(count, dtype=np.float64)[:, None]


def _of_slot(slot: Slot) -> Iterator[Atom]:
    """Atoms of one slot that vary while a block stands there."""
    present = [context for context in slot.table.entries if context is not None]
    figures: list[tuple[str, str, Callable[[Context], float]]] = [
        (EXPANSIONS, "expansion", lambda c: expansion_of(c.op, dict(c.args), c.width))
    ]
    # an attention width that only repeats the stage's width says nothing about the block
    if len({(c.width, attention_width_of(c.op, dict(c.args), c.width)) for c in present}) > len(
        {c.width for c in present}
    ):
        figures.append((ATTENTION, "attention", lambda c: attention_width_of(c.op, dict(c.args), c.width)))
    ops = list(dict.fromkeys(c.op for c in present))
    figures += [(OTHER, f"op {op}", _is_op(op)) for op in ops[1:]]
    figures += [(OTHER, name, _argument(name, value)) for name, value in _other_arguments(present)]
    for kind, figure, measure in figures:
        column = _column(slot, measure)
        if len(np.unique(column.values[~np.isnan(column.values)])) > 1:
            yield Atom(f"{slot.path}.{figure}", kind, figure, slot.stage, column)


def _is_op(op: str) -> Callable[[Context], float]:
    return lambda context: float(context.op == op)


def _all_args(context: Context) -> dict[str, Scalar]:
    defaults = {n: a.default for n, a in arguments(context.op).items() if a.default is not None}
    return {**defaults, **dict(context.args)}


def _argument(name: str, value: Scalar | None) -> Callable[[Context], float]:
    """A number as it is, or whether an argument has ``value``; an operator without it counts 0."""
    if value is None:
        return lambda context: float(_all_args(context).get(name, 0.0))
    return lambda context: float(_all_args(context).get(name) == value)


def _other_arguments(present: Sequence[Context]) -> list[tuple[str, Scalar | None]]:
    """Arguments that vary and are in neither expansion nor attention width; (name, None) for numbers."""
    choices: dict[str, dict[Scalar, None]] = {}
    for context in present:
        args = _all_args(context)
        roles = {name: argument.role for name, argument in arguments(context.op).items()}
        covered = {"expansion", "hidden_width", "attention_width"}
        covered |= {"heads"} if {"value_dim", "key_dim"} & set(roles.values()) else set()
        for name, value in args.items():
            if roles[name] not in covered:
                choices.setdefault(name, {})[value] = None
    found: list[tuple[str, Scalar | None]] = []
    for name, values in choices.items():
        if len(values) < 2:
            continue
        if all(isinstance(v, int | float) for v in values):
            found.append((name, None))
        else:
            found += [(name, value) for value in list(values)[1:]]
    return found


def _column(slot: Slot, measure: Callable[[Context], float]) -> Column:
    entries = tuple(None if c is None else measure(c) for c in slot.table.entries)
    table = Table(slot.table.genes, slot.table.shape, entries).reduced()
    values = np.array([np.nan if v is None else v for v in table.entries], np.float64)
    return Column(table.genes, table.shape, values[:, None])


def _of_stages(space: Space) -> Iterator[Atom]:
    for resource in stage_resources(space):
        if resource.kind not in ("depth", "width") or not resource.varies:
            continue
        (column,) = resource.columns
        offset = 0.0 if resource.low > 0 else 1.0
        logarithm = Column(column.genes, column.shape, np.log(column.values + offset))
        yield Atom(f"{resource.name}.log", SHAPE, resource.name, resource.stage, logarithm)
        yield from _indicators(resource.name, LEVELS, resource.stage, column)


def _indicators(name: str, kind: str, stage: int, column: Column) -> list[Atom]:
    """One atom for each value of a column: 1 where a genome has it."""
    return [
        Atom(
            f"{name}={level:g}",
            kind,
            f"{name}={level:g}",
            stage,
            Column(column.genes, column.shape, (column.values == level).astype(np.float64)),
        )
        for level in np.unique(column.values)
    ]
