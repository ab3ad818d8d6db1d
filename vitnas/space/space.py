"""A search space: an architecture with choices left open."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.operators import Scalar
from vitnas.arch.schema import Architecture, close_template
from vitnas.arch.template import RESOLUTION, Template, parse_template
from vitnas.arch.values import Gene, Open, options
from vitnas.arch.yaml_io import FlowDict, Source
from vitnas.errors import InvalidSpace
from vitnas.formats.resolution import Resolution, in_file, parse_resolution, read_resolution
from vitnas.space import encoding
from vitnas.space.activity import Activity, Genomes

_CHUNK = 8192  # rows that stay in the cache
_MIX = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))  # of splitmix64
_STEPS = tuple(zip(_MIX[1:], map(np.uint64, (30, 27)), strict=True))
_LAST = np.uint64(31)


@dataclass(frozen=True)
class Reference:
    """A published network of the space.

    Attributes:
        facts: what its source states: params, macs, top1, latency_ms by device, source.
    """

    name: str
    genome: NDArray[np.uint8]  # (G,)
    architecture: Architecture
    facts: Mapping[str, Any]


class Space:
    """Genes, and what they stand for.

    A genome is a row of unsigned bytes, one for each gene: the position of the chosen value among
    ``gene.choices``. It is canonical if every gene without an effect is 0; all methods return
    canonical genomes.
    """

    def __init__(self, template: Template, document: Mapping[str, Any]) -> None:
        self.template = template
        self.name = template.name
        self.description = str(template.notes.get("description", ""))
        self.genes: tuple[Gene, ...] = template.genes
        self.cardinalities: NDArray[np.uint8 | np.int64] = np.array(
            [len(g.choices) for g in self.genes], np.int64
        )
        self.activity = Activity(self.genes, template.uses)
        self.document = dict(document)
        self.references: dict[str, Reference] = {}

    @functools.cached_property
    def operators(self) -> tuple[str, ...]:
        """The names of all operators that its networks can have."""
        t = self.template
        parts = [t.stem, t.head, *(s.down for s in t.stages if s.down)]
        parts += [part for stage in t.stages for segment in stage.segments for part in segment.blocks]
        names: set[str] = set()
        for op in (part.op for part in parts):
            names |= {str(c) for c in t.genes[op.gene].choices} if isinstance(op, Open) else {str(op)}
        return tuple(sorted(names))

    @classmethod
    def read(cls, source: Source) -> Space:
        """Check a document and resolve its references.

        Raises:
            InvalidSpace: the document is wrong; names file, line, key path and the valid options.
        """
        template = parse_template(source, InvalidSpace)
        space = cls(template, source.data)
        for name, raw in template.notes.get("references", {}).items():
            try:
                space.references[str(name)] = space._reference(str(name), raw)
            except InvalidSpace as problem:
                source.fail(InvalidSpace, f"references.{name}.genes", str(problem))
        return space

    def _reference(self, name: str, raw: Mapping[str, Any]) -> Reference:
        genome = self.genome_of(raw["genes"])
        facts = {key: value for key, value in raw.items() if key not in ("genes", "recipe")}
        recipe = {**(self.template.notes.get("recipe") or {}), **(raw.get("recipe") or {})}
        notes = {"source": str(facts.get("source", "")), "recipe": recipe, "metrics": facts}
        closed = self.decode(genome, {key: value for key, value in notes.items() if value})
        return Reference(name, genome, dataclasses.replace(closed, name=f"{self.name}:{name}"), facts)

    @functools.cached_property
    def size(self) -> int:
        """Number of distinct architectures."""
        return self.activity.size()

    @functools.cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits of what the genes mean; notes and references are left out."""
        keys = ("input", "classes", "vars", "stem", "stages", "head")
        text = json.dumps([self.document.get(key) for key in keys], sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def resolutions_px(self) -> tuple[Resolution, ...]:
        """Of all images that its networks take."""
        return tuple(map(parse_resolution, options(self.template.resolution_px, self.genes)))

    def at_resolution(self, resolution_px: Any) -> Space:
        """The space with images of another resolution, chosen or not before; None keeps it as it is.

        What the sources of published networks state holds for their own resolution, so it is left out.

        Raises:
            InvalidInput: it is no resolution.
            InvalidSpace: the resolution is a variable, which other values may use too.
        """
        if resolution_px is None:
            return self
        wanted = read_resolution(resolution_px, "`resolution_px`")
        if self.resolutions_px == (wanted,):
            return self
        feed = dict(self.document.get("input") or {})
        if isinstance(feed.get("resolution_px"), Mapping) and "var" in feed["resolution_px"]:
            raise InvalidSpace(f"{self.name}: {RESOLUTION} is a variable: set it in the file instead")
        document = {**self.document, "input": FlowDict({**feed, "resolution_px": in_file(wanted)})}
        if self.references:
            document["references"] = {k: _at_any_resolution(r) for k, r in document["references"].items()}
        return Space.read(Source(document))

    def sample(self, n: int, rng: np.random.Generator) -> Genomes:
        """``n`` genomes (n, G), each gene drawn uniformly (not each architecture: depth has few genes)."""
        out = np.empty((n, len(self.genes)), np.uint8)
        scale = self.cardinalities.astype(np.uint32)
        for start in range(0, n, _CHUNK):
            rows = out[start : start + _CHUNK]
            draws = rng.integers(0, 1 << 16, size=rows.shape, dtype=np.uint16)
            # multiply and shift: faster than bounded draws; the bias is below 256 / 65536
            rows[:] = (draws * scale) >> np.uint32(16)
        return self.canonical(out)

    def canonical(self, genomes: Genomes) -> Genomes:
        """``genomes`` (n, G) with genes that have no effect set to 0."""
        return self.activity.canonical(genomes)

    def keys(self, genomes: Genomes) -> NDArray[np.uint64]:
        """64-bit hashes (n,) of canonical genomes; equal genomes have equal keys."""
        width = -(-max(len(self.genes), 1) // 8) * 8
        padded = np.zeros((len(genomes), width), dtype=np.uint8)
        padded[:, : len(self.genes)] = genomes
        words = np.ascontiguousarray(padded.view("<u8").T)
        key = np.full(len(genomes), _MIX[0], dtype=np.uint64)
        moved = np.empty_like(key)
        for word in words:  # in place: a population of tens is as common as one of thousands
            key ^= word
            for constant, shift in _STEPS:
                np.right_shift(key, shift, out=moved)
                key ^= moved
                key *= constant
            np.right_shift(key, _LAST, out=moved)
            key ^= moved
        return key

    def neighbours(self, genome: NDArray[np.uint8]) -> Genomes:
        """All canonical genomes (k, G) that differ from ``genome`` (G,) in one gene, without repeats."""
        home = self.canonical(genome[None])[0]
        rows = []
        for gene, cardinality in enumerate(self.cardinalities):
            for value in range(cardinality):
                if value != home[gene]:
                    rows.append(home.copy())
                    rows[-1][gene] = value
        if not rows:
            return np.zeros((0, len(self.genes)), np.uint8)
        found = np.unique(self.canonical(np.array(rows)), axis=0)
        others: Genomes = found[(found != home).any(axis=1)]
        return others

    def chosen(self, genome: NDArray[np.uint8]) -> tuple[Scalar, ...]:
        """The value of every gene."""
        return tuple(gene.choices[int(k)] for gene, k in zip(self.genes, genome, strict=True))

    def decode(self, genome: NDArray[np.uint8], metadata: Mapping[str, Any] | None = None) -> Architecture:
        """The architecture of a genome (G,), named after the space and its id."""
        unnamed = close_template(self.template, self.chosen(genome), name=self.name, metadata=metadata or {})
        return dataclasses.replace(unnamed, name=f"{self.name}-{unnamed.id}")

    def encode(self, architecture: Architecture) -> NDArray[np.uint8]:
        """The canonical genome (G,) of an architecture of this space.

        Raises:
            InvalidArchitecture: it is not in the space; the message names the value and the choices.
        """
        return self._canonical_row(encoding.encode(self.template, architecture))

    def genome_of(self, values: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The canonical genome (G,) of gene values by name, as in a file's ``references``.

        Raises:
            InvalidSpace: a name or value that the space does not have.
        """
        return self._canonical_row(encoding.from_values(self.template, values))

    def _canonical_row(self, genome: NDArray[np.uint8]) -> NDArray[np.uint8]:
        row: NDArray[np.uint8] = self.canonical(genome[None])[0]
        return row

    def around(self, architecture: Architecture, radius: int = 1) -> dict[str, Any]:
        """A space document that keeps, of every gene, the choices within ``radius`` of an architecture's."""
        genome = self.encode(architecture)
        return encoding.narrowed(self.template, self.document, genome, self.activity.active(genome), radius)


def _at_any_resolution(reference: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a published network whatever the side of its images."""
    genes = {gene: value for gene, value in reference["genes"].items() if gene != RESOLUTION}
    return {"genes": genes, **{key: reference[key] for key in ("recipe", "source") if key in reference}}
