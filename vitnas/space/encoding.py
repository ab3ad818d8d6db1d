"""From architectures and named values back to genomes."""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.operators import Scalar, arguments
from vitnas.arch.schema import Architecture, Block
from vitnas.arch.template import RESOLUTION, Part, SegmentTemplate, Template
from vitnas.arch.values import Open, Value, close, options
from vitnas.errors import InvalidArchitecture, InvalidSpace, _unknown_message
from vitnas.formats.resolution import as_scalar, parse_resolution

_BLOCK_GENE = re.compile(r"^(.*)\[(\d+)\]$")


def encode(template: Template, architecture: Architecture) -> NDArray[np.uint8]:
    """The genome (G,) of ``architecture``; genes without an effect are 0.

    Raises:
        InvalidArchitecture: a value is not among the choices.
    """
    return _Encoder(template).encode(architecture)


class _Encoder:
    def __init__(self, template: Template) -> None:
        self.template = template
        self.found: dict[int, int] = {}
        self.products: list[tuple[Open, Scalar, str]] = []

    def encode(self, a: Architecture) -> NDArray[np.uint8]:
        t = self.template
        self._match(t.in_channels, a.in_channels, "input.channels")
        self._match(t.resolution_px, as_scalar(a.resolution_px), RESOLUTION)
        self._match(t.classes, a.classes, "classes")
        self._part(t.stem, a.stem, "stem")
        if len(t.stages) != len(a.stages):
            self._fail("stages", f"{len(a.stages)} stages; the space '{t.name}' has {len(t.stages)}")
        for i, (stage, plan) in enumerate(zip(t.stages, a.stages, strict=True)):
            path = f"stages.{i}"
            self._match(stage.width, plan.width, f"{path}.width")
            if (stage.down is None) != (plan.down is None):
                self._fail(f"{path}.down", "stands only in one of the space and the architecture")
            if stage.down is not None and plan.down is not None:
                self._part(stage.down, plan.down, f"{path}.down")
            rest = self._segments(stage.segments, list(plan.blocks()))
            if rest:
                self._fail(f"{path}.blocks", f"{len(rest)} blocks from '{rest[0].op}' on fit no segment")
        self._part(t.head, a.head, "head")
        self._factors()
        genome = np.zeros(len(t.genes), dtype=np.uint8)
        for gene, choice in self.found.items():
            genome[gene] = choice
        return genome

    def _fail(self, path: str, problem: str) -> None:
        raise InvalidArchitecture(f"not in the space '{self.template.name}': {path}: {problem}")

    def _match(self, value: Value, actual: Scalar, path: str) -> None:
        if not isinstance(value, Open):
            if value != actual:
                self._fail(path, f"{actual!r} is not {value!r}")
            return
        choices = options(value, self.template.genes)
        if actual not in choices:
            self._fail(path, f"{actual!r} is not among {list(choices)}")
        if value.by is not None:
            self.products.append((value, actual, path))
            return
        choice = choices.index(actual)
        if self.found.setdefault(value.gene, choice) != choice:
            gene = self.template.genes[value.gene]
            self._fail(path, f"{actual!r} contradicts another value of '{gene.name}'")

    def _factors(self) -> None:
        """Find the factors of products, from those that other values have decided first."""
        for value, actual, path in sorted(self.products, key=lambda p: not set(p[0].genes) & set(self.found)):
            fitting = [
                pair
                for pair in itertools.product(*(self._possible(gene) for gene in value.genes))
                if close(value, self._chosen(dict(zip(value.genes, pair, strict=True)))) == actual
            ]
            if not fitting:
                names = " and ".join(f"'{self.template.genes[gene].name}'" for gene in value.genes)
                self._fail(path, f"{actual!r} contradicts other values of {names}")
            self.found.update(zip(value.genes, fitting[0], strict=True))

    def _possible(self, gene: int) -> Sequence[int]:
        count = len(self.template.genes[gene].choices)
        return (self.found[gene],) if gene in self.found else range(count)

    def _chosen(self, positions: Mapping[int, int]) -> list[Scalar]:
        return [gene.choices[positions.get(k, 0)] for k, gene in enumerate(self.template.genes)]

    def _part(self, part: Part, block: Block, path: str) -> None:
        self._match(part.op, block.op, f"{path}.op")
        known = arguments(block.op)
        for name in known:
            value = part.args.get(name, known[name].default)
            actual = block.args.get(name, known[name].default)
            assert value is not None and actual is not None
            self._match(value, actual, f"{path}.{name}")

    def _segments(self, segments: tuple[SegmentTemplate, ...], rest: list[Block]) -> list[Block]:
        for position, segment in enumerate(segments):
            longest = len(segment.blocks)
            count = 0
            while count < min(longest, len(rest)) and self._takes(segment.blocks[count], rest[count]):
                count += 1
            count = self._allowed(segment, count, last=position == len(segments) - 1)
            self._match(segment.repeat, count, f"{segment.path}.repeat")
            for k in range(count):
                self._part(segment.blocks[k], rest[k], f"{segment.path}[{k}]")
            rest = rest[count:]
        return rest

    def _takes(self, part: Part, block: Block) -> bool:
        if isinstance(part.op, Open):
            return block.op in self.template.genes[part.op.gene].choices
        return part.op == block.op

    def _allowed(self, segment: SegmentTemplate, count: int, *, last: bool) -> int:
        """The longest run that ``repeat`` allows, where a next segment can take the others."""
        if last or not isinstance(segment.repeat, Open):
            return count if isinstance(segment.repeat, Open) else min(count, int(segment.repeat))
        gene = self.template.genes[segment.repeat.gene]
        fitting = [int(c) for c in gene.choices if int(c) <= count]
        return max(fitting, default=count)


def from_values(template: Template, values: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The genome (G,) of values by gene name; a scalar holds for all blocks of a segment.

    Raises:
        InvalidSpace: an unknown name, a missing gene or a value that is no choice.
    """
    genome = np.zeros(len(template.genes), dtype=np.uint8)
    given: set[str] = set()
    for index, gene in enumerate(template.genes):
        match = _BLOCK_GENE.match(gene.name)
        name, k = (match.group(1), int(match.group(2))) if match else (gene.name, 0)
        if gene.name in values:
            name, value = gene.name, values[gene.name]
        elif name in values:
            value = values[name]
            if match and isinstance(value, list | tuple):
                given.add(name)
                if k >= len(value):
                    continue  # beyond the last active block
                value = value[k]
        elif len(gene.choices) == 1 or (match and k > 0):
            continue
        else:
            raise InvalidSpace(f"{template.name}: no value for the gene '{name}'")
        given.add(name)
        value = _as_gene(gene.name, value)
        if value not in gene.choices:
            raise InvalidSpace(f"{template.name}: '{name}': {value!r} is not among {list(gene.choices)}")
        genome[index] = gene.choices.index(value)
    for name in values:
        if name not in given:
            known = {_BLOCK_GENE.sub(r"\1", gene.name) for gene in template.genes}
            raise InvalidSpace(f"{template.name}: " + _unknown_message("gene", str(name), known, ""))
    return genome


def _as_gene(name: str, value: Any) -> Any:
    """A value as its gene has it: a resolution may be given in several ways."""
    with contextlib.suppress(ValueError):
        return as_scalar(parse_resolution(value)) if name == RESOLUTION else value
    return value


def narrowed(
    template: Template,
    document: Mapping[str, Any],
    genome: NDArray[np.uint8],
    active: NDArray[np.bool_],
    radius: int,
) -> dict[str, Any]:
    """``document`` with every choice cut to those within ``radius`` positions of an active gene's."""
    kept: dict[str, set[int]] = {}
    choices: dict[str, tuple[Scalar, ...]] = {}
    for gene, choice, counts in zip(template.genes, genome, active, strict=True):
        name = _BLOCK_GENE.sub(r"\1", gene.name)
        choices[name] = gene.choices
        near = range(max(0, int(choice) - radius), min(len(gene.choices), int(choice) + radius + 1))
        kept.setdefault(name, set()).update(near if counts else ())
    left_out = ("references", "metrics", "provenance")
    out: dict[str, Any] = copy.deepcopy({k: v for k, v in document.items() if k not in left_out})
    for name, positions in kept.items():
        *parents, last = name.split(".")
        spot: Any = out
        for key in parents:
            spot = spot[int(key)] if isinstance(spot, list) else spot[key]
        old = spot[last]
        if isinstance(old, Mapping) and positions:  # a segment that is left out keeps all choices
            tied = {"tied": True} if old.get("tied") else {}
            spot[last] = {"choice": [choices[name][k] for k in sorted(positions)], **tied}
    return out
