"""A network, closed: what is built, trained and written to files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vitnas.arch.features import Features
from vitnas.arch.operators import Scalar, arguments
from vitnas.arch.template import Part, SegmentTemplate, StageTemplate, Template, closed_args, parse_template
from vitnas.arch.values import close
from vitnas.arch.yaml_io import FlowDict, Source, dump_yaml, read_yaml
from vitnas.errors import InvalidArchitecture
from vitnas.formats.resolution import Resolution, in_file, parse_resolution, read_resolution
from vitnas.store.disk import atomic_write_text

Args = Mapping[str, Scalar]


@dataclass(frozen=True)
class Block:
    """One operator with its arguments."""

    op: str
    args: Args = field(default_factory=dict)

    def full_args(self) -> dict[str, Any]:
        """Every argument of the operator, defaults written out."""
        return {name: self.args.get(name, known.default) for name, known in arguments(self.op).items()}


@dataclass(frozen=True)
class Segment:
    """A run of blocks as it stands in a file; a tuple gives one value for each block."""

    op: str | tuple[str, ...]
    repeat: int = 1
    args: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)

    def blocks(self) -> tuple[Block, ...]:
        """The run written out, each block with the arguments that its operator takes."""
        return tuple(self._block(k) for k in range(self.repeat))

    def _block(self, k: int) -> Block:
        op = self.op[k] if isinstance(self.op, tuple) else self.op
        known = arguments(op)
        values = {name: v[k] if isinstance(v, tuple) else v for name, v in self.args.items() if name in known}
        return Block(op, values)


@dataclass(frozen=True)
class Stage:
    """Blocks of one width."""

    width: int
    segments: tuple[Segment, ...]
    down: Block | None = None

    def blocks(self) -> tuple[Block, ...]:
        """All blocks in order."""
        return tuple(block for segment in self.segments for block in segment.blocks())


@dataclass(frozen=True)
class Architecture:
    """A whole network.

    Attributes:
        resolution_px: side of the square input image, or its (height, width).
        metadata: description, recipe, metrics, provenance; kept in files, no part of the identity.
    """

    name: str
    in_channels: int
    resolution_px: Resolution
    classes: int
    stem: Block
    stages: tuple[Stage, ...]
    head: Block
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def image(self) -> Features:
        """The input image as features."""
        return Features.of_image(self.in_channels, self.resolution_px)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the input image."""
        return (self.in_channels, *self.image.map_px)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of what is built: equal for equal networks, however they are spelled."""
        stages = [
            [s.width, _identity(s.down) if s.down else None, [_identity(b) for b in s.blocks()]]
            for s in self.stages
        ]
        whole = [self.in_channels, in_file(self.resolution_px), self.classes, _identity(self.stem), stages]
        text = json.dumps([*whole, _identity(self.head)], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def operators(self) -> tuple[str, ...]:
        """The names of its operators."""
        blocks = [b for stage in self.stages for b in (stage.down, *stage.blocks()) if b is not None]
        return tuple(sorted({block.op for block in (self.stem, *blocks, self.head)}))

    def at_resolution(self, resolution_px: Any) -> Architecture:
        """The architecture for other images, given in any way that `vitnas.formats.resolution` reads.

        Raises:
            InvalidInput: it is no resolution.
        """
        return replace(self, resolution_px=read_resolution(resolution_px, "`resolution_px`"))

    def to_dict(self) -> dict[str, Any]:
        """The document of an architecture file."""
        notes = dict(self.metadata)
        document: dict[str, Any] = {"name": self.name}
        if "description" in notes:
            document["description"] = notes.pop("description")
        document["input"] = FlowDict(channels=self.in_channels, resolution_px=in_file(self.resolution_px))
        document["classes"] = self.classes
        document["stem"] = _block_dict(self.stem)
        document["stages"] = [_stage_dict(stage) for stage in self.stages]
        document["head"] = _block_dict(self.head)
        return {**document, **notes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "") -> Architecture:
        """Read an architecture document.

        Raises:
            InvalidArchitecture: the message names ``where``, the key path and the valid options.
        """
        return from_source(Source(data, where))


def _identity(block: Block) -> list[Any]:
    """A block in an identity: 4 and 4.0 are one value."""
    plain = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in block.full_args().items()
    }
    return [block.op, plain]


def from_source(source: Source) -> Architecture:
    """Close a document in which nothing is open."""
    template = parse_template(source, InvalidArchitecture)
    if template.genes:
        problem = "is left open, so this is a search space; an architecture has one value everywhere"
        source.fail(InvalidArchitecture, template.genes[0].name, problem)
    if "references" in template.notes:
        source.fail(InvalidArchitecture, "references", "belongs in a search space, not in an architecture")
    return close_template(template, (), name=template.name)


def close_template(
    template: Template,
    chosen: tuple[Scalar, ...],
    *,
    name: str,
    metadata: Mapping[str, Any] | None = None,
) -> Architecture:
    """The architecture for one value of every gene."""
    return Architecture(
        name=name,
        in_channels=int(close(template.in_channels, chosen)),
        resolution_px=parse_resolution(close(template.resolution_px, chosen)),
        classes=int(close(template.classes, chosen)),
        stem=_closed_block(template.stem, chosen),
        stages=tuple(_closed_stage(stage, chosen) for stage in template.stages),
        head=_closed_block(template.head, chosen),
        metadata=dict(template.notes) if metadata is None else dict(metadata),
    )


def _closed_block(part: Part, chosen: tuple[Scalar, ...]) -> Block:
    return Block(*closed_args(part, chosen))


def _closed_stage(stage: StageTemplate, chosen: tuple[Scalar, ...]) -> Stage:
    segments = [_closed_segment(s, chosen) for s in stage.segments]
    down = _closed_block(stage.down, chosen) if stage.down else None
    return Stage(int(close(stage.width, chosen)), tuple(s for s in segments if s.repeat), down)


def _closed_segment(segment: SegmentTemplate, chosen: tuple[Scalar, ...]) -> Segment:
    repeat = int(close(segment.repeat, chosen))
    parts = segment.blocks[:repeat]
    ops = tuple(str(close(part.op, chosen)) for part in parts)
    names = parts[0].args if parts else {}
    args = {n: compact(tuple(close(p.args[n], chosen) for p in parts)) for n in names}
    taken = {name for op in ops for name in arguments(op)}
    op = ops[0] if len(set(ops)) == 1 else ops
    return Segment(op if ops else "", repeat, {name: v for name, v in args.items() if name in taken})


def compact(values: tuple[Scalar, ...]) -> Scalar | tuple[Scalar, ...]:
    """One value where all are the same."""
    return values[0] if len(set(values)) == 1 else values


def _block_dict(block: Block) -> FlowDict:
    return FlowDict(op=block.op, **block.args)


def _stage_dict(stage: Stage) -> dict[str, Any]:
    document: dict[str, Any] = {"down": _block_dict(stage.down)} if stage.down else {}
    document["width"] = stage.width
    document["blocks"] = [_segment_dict(segment) for segment in stage.segments]
    return document


def _segment_dict(segment: Segment) -> FlowDict:
    repeat = {"repeat": segment.repeat} if segment.repeat != 1 else {}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in segment.args.items()}
    op = list(segment.op) if isinstance(segment.op, tuple) else segment.op
    return FlowDict(op=op, **repeat, **plain)


def read_architecture(path: str | Path) -> Architecture:
    """Read an architecture file.

    Raises:
        InvalidArchitecture: with file, line and key path.
    """
    return from_source(read_yaml(path, InvalidArchitecture))


def save_architecture(architecture: Architecture, path: str | Path) -> None:
    """Write an architecture file; reading it gives an equal architecture, and writing that the same bytes."""
    atomic_write_text(path, dump_yaml(architecture.to_dict()))
