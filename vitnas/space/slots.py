"""The places of a space that hold one block each, and what can stand in each of them.

A slot depends on few genes: its own arguments, the depth of its segment, the stage's width and whatever
shapes its input. All combinations of these genes are listed once; from then on anything that is a sum or
a maximum over blocks is an array look-up, for populations of any size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from vitnas.arch.features import Features
from vitnas.arch.operators import Scalar
from vitnas.arch.template import Part, Template, closed_args
from vitnas.arch.values import Open, Value, close
from vitnas.errors import InvalidArchitecture, InvalidSpace, PluginError
from vitnas.formats.resolution import parse_resolution

MAX_ENTRIES = 500_000
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Context:
    """A block where it stands: all that decides its module."""

    op: str
    inputs: Features
    width: int
    args: tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True)
class Table(Generic[T]):
    """One entry for each combination of ``genes``, in C order."""

    genes: tuple[int, ...]
    shape: tuple[int, ...]
    entries: tuple[T, ...]

    def reduced(self) -> Table[T]:
        """Without the genes that change nothing."""
        codes = {entry: code for code, entry in enumerate(dict.fromkeys(self.entries))}
        grid = np.array([codes[entry] for entry in self.entries], dtype=np.int64).reshape(self.shape)
        kept = []
        for axis, gene in reversed(list(enumerate(self.genes))):
            first = grid.take([0], axis=axis)
            if (grid == first).all():
                grid = first.squeeze(axis)
            else:
                kept.append(gene)
        names = list(codes)
        return Table(tuple(reversed(kept)), grid.shape, tuple(names[code] for code in grid.ravel()))


@dataclass(frozen=True)
class Slot:
    """A place for one block.

    Attributes:
        path: key path for messages.
        stage: index of the stage; -1 for stem and head.
        is_block: a block of a segment, not a stem, a down-sampling or a head.
        table: what stands there; None where the depth leaves the slot empty.
    """

    path: str
    stage: int
    is_block: bool
    table: Table[Context | None]


def list_slots(template: Template, outputs: Callable[[Context], Features]) -> list[Slot]:
    """All slots of a space, in the order of the network.

    Args:
        template: the space.
        outputs: what a block gives, learned from its module.

    Raises:
        InvalidSpace: a combination of choices cannot be built (the message names the slot and the values),
            or a slot depends on too many genes.
    """
    return _SlotLister(template, outputs).list()


class _SlotLister:
    def __init__(self, template: Template, outputs: Callable[[Context], Features]) -> None:
        self.template = template
        self.outputs = outputs
        self.slots: list[Slot] = []
        self.defaults: list[Scalar] = [gene.choices[0] for gene in template.genes]

    def list(self) -> list[Slot]:
        t = self.template
        state = self._tabulate(
            (t.in_channels, t.resolution_px),
            None,
            lambda chosen, _: Features.of_image(
                int(close(t.in_channels, chosen)), parse_resolution(close(t.resolution_px, chosen))
            ),
        )
        state = self._slot("stem", -1, t.stem, t.stages[0].width, state)
        for index, stage in enumerate(t.stages):
            if stage.down is not None:
                state = self._slot(f"stages.{index}.down", index, stage.down, stage.width, state)
            for segment in stage.segments:
                for k, part in enumerate(segment.blocks):
                    path = f"{segment.path}[{k}]"
                    state = self._slot(path, index, part, stage.width, state, repeat=(segment.repeat, k))
        self._slot("head", -1, t.head, t.classes, state, is_head=True)
        return self.slots

    def _slot(
        self,
        path: str,
        stage: int,
        part: Part,
        width: Value,
        state: Table[Features],
        *,
        repeat: tuple[Value, int] | None = None,
        is_head: bool = False,
    ) -> Table[Features]:
        values = [part.op, *part.args.values(), width, *([repeat[0]] if repeat else [])]

        def context(chosen: Sequence[Scalar], inputs: Features | None) -> Context | None:
            if repeat is not None and int(close(repeat[0], chosen)) <= repeat[1]:
                return None
            assert inputs is not None
            op, args = closed_args(part, chosen)
            return Context(op, inputs, int(close(width, chosen)), tuple(sorted(args.items())))

        def flow(chosen: Sequence[Scalar], inputs: Features | None) -> Features:
            here = context(chosen, inputs)
            assert inputs is not None
            return inputs if here is None else self._output(path, here)

        table = self._tabulate(values, state, context, path)
        self.slots.append(Slot(path, stage, repeat is not None, table))
        return state if is_head else self._tabulate(values, state, flow, path)

    def _output(self, path: str, context: Context) -> Features:
        try:
            return self.outputs(context)
        except InvalidArchitecture as problem:
            raise InvalidSpace(f"{self.template.name}: {path} ({context.op}): {problem}") from None
        except PluginError as problem:
            raise problem.at(f"{self.template.name}: {path}") from problem.__cause__

    def _tabulate(
        self,
        values: Sequence[Value],
        state: Table[Features] | None,
        entry: Callable[[Sequence[Scalar], Features | None], T],
        path: str = "",
    ) -> Table[T]:
        own = {gene for value in values if isinstance(value, Open) for gene in value.genes}
        genes = tuple(sorted(own | set(state.genes if state else ())))
        shape = tuple(len(self.template.genes[g].choices) for g in genes)
        if math.prod(shape) > MAX_ENTRIES:
            names = ", ".join(self.template.genes[g].name for g in genes)
            raise InvalidSpace(
                f"{self.template.name}: {path} depends on too many genes at once "
                f"({math.prod(shape):,} combinations of {names}); tie some of them or offer fewer choices"
            )
        chosen = list(self.defaults)
        entries = []
        for combination in itertools.product(*(range(n) for n in shape)):
            for gene, k in zip(genes, combination, strict=True):
                chosen[gene] = self.template.genes[gene].choices[k]
            entries.append(entry(chosen, _look_up(state, genes, combination) if state else None))
        return Table(genes, shape, tuple(entries)).reduced()


def _look_up(state: Table[Features], genes: tuple[int, ...], combination: tuple[int, ...]) -> Features:
    index = 0
    for gene, cardinality in zip(state.genes, state.shape, strict=True):
        index = index * cardinality + combination[genes.index(gene)]
    return state.entries[index]
