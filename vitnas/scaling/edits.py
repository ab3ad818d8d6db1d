"""Small changes of an architecture: layers, widths, resolution and arguments. Nothing is built here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitnas.arch.operators import Scalar, arguments, with_role
from vitnas.arch.schema import Architecture, Block, Segment, Stage, compact


@dataclass(frozen=True, order=True)
class Place:
    """One segment of one stage.

    Attributes:
        stage: index of the stage.
        segment: of the segment in it.
    """

    stage: int
    segment: int

    def name(self, architecture: Architecture) -> str:
        """What people read: the stage from 1, and the operator where the stage has several segments."""
        segments = architecture.stages[self.stage].segments
        if len(segments) == 1:
            return f"stage {self.stage + 1}"
        op = segments[self.segment].op
        return f"stage {self.stage + 1} {op if isinstance(op, str) else op[-1]}"


def places(architecture: Architecture) -> tuple[Place, ...]:
    """Every segment, in the order of the network."""
    return tuple(
        Place(k, s) for k, stage in enumerate(architecture.stages) for s in range(len(stage.segments))
    )


def segment_at(architecture: Architecture, place: Place) -> Segment:
    """The segment that stands there."""
    return architecture.stages[place.stage].segments[place.segment]


def depths(architecture: Architecture) -> tuple[int, ...]:
    """Number of blocks of each stage."""
    return tuple(sum(s.repeat for s in stage.segments) for stage in architecture.stages)


def widths(architecture: Architecture) -> tuple[int, ...]:
    """Channels of each stage."""
    return tuple(stage.width for stage in architecture.stages)


def add_layer(architecture: Architecture, place: Place) -> Architecture:
    """One more block at the end of a segment: a copy of its last one, arguments included."""
    segment = segment_at(architecture, place)
    return _with_blocks(architecture, place, [*range(segment.repeat), segment.repeat - 1])


def remove_layer(architecture: Architecture, place: Place) -> Architecture | None:
    """One block less at the end of a segment; None where it has only one: no kind of block disappears."""
    segment = segment_at(architecture, place)
    return _with_blocks(architecture, place, range(segment.repeat - 1)) if segment.repeat > 1 else None


def set_depth(architecture: Architecture, place: Place, depth: int) -> Architecture:
    """A segment of ``depth`` blocks (at least 1): the old ones spread evenly, so that their pattern stays.

    Four blocks of expansions 4, 3, 3, 3 become eight of 4, 4, 3, 3, 3, 3, 3, 3.
    """
    old = segment_at(architecture, place).repeat
    return _with_blocks(architecture, place, [k * old // depth for k in range(depth)])


def _with_blocks(architecture: Architecture, place: Place, picks: Any) -> Architecture:
    """The segment made of its old blocks ``picks``."""
    order = list(picks)

    def picked(value: Any) -> Any:
        return compact(tuple(value[k] for k in order)) if isinstance(value, tuple) else value

    segment = segment_at(architecture, place)
    args = {name: picked(value) for name, value in segment.args.items()}
    return _with_segment(architecture, place, Segment(picked(segment.op), len(order), args))


def _with_segment(architecture: Architecture, place: Place, segment: Segment) -> Architecture:
    stage = architecture.stages[place.stage]
    segments = (*stage.segments[: place.segment], segment, *stage.segments[place.segment + 1 :])
    return _with_stage(architecture, place.stage, replace(stage, segments=segments))


def _with_stage(architecture: Architecture, index: int, stage: Stage) -> Architecture:
    stages = (*architecture.stages[:index], stage, *architecture.stages[index + 1 :])
    return replace(architecture, stages=stages)


def round_to(value: float, multiple: int) -> int:
    """The multiple nearest to ``value``, halves up; at least one."""
    return max(multiple * int(value / multiple + 0.5), multiple)


def widen(
    architecture: Architecture, factor: float, *, multiple: int = 8, most: int | None = None
) -> Architecture:
    """All stages ``factor`` times as wide (or narrow), rounded to ``multiple`` and no wider than ``most``.

    Heads of a fixed width go with the width of their stage, see `with_width`.
    """
    for index, stage in enumerate(architecture.stages):
        width = round_to(stage.width * factor, multiple)
        architecture = with_width(architecture, index, width if most is None else min(width, most))
    return architecture


def with_width(architecture: Architecture, stage: int, width: int) -> Architecture:
    """One stage of another width.

    An operator with an argument ``head_dim`` has heads of a width of their own, as in ViT: their number goes
    with the stage's width, rounded, at least one. Any other keeps its number of heads: EfficientFormer has
    eight everywhere, and in As-ViT a head's width follows from the stage's.
    """
    old = architecture.stages[stage]
    if width == old.width:
        return architecture
    factor = width / old.width
    down = None if old.down is None else Block(old.down.op, _with_heads(old.down.op, old.down.args, factor))
    segments = tuple(
        replace(s, args=_with_heads(s.op if isinstance(s.op, str) else s.op[0], s.args, factor))
        for s in old.segments
    )
    return _with_stage(architecture, stage, Stage(width, segments, down))


def _with_heads(op: str, args: Mapping[str, Any], factor: float) -> dict[str, Any]:
    known = arguments(op)
    name = next(iter(with_role(op, "heads")), None)
    if name is None or not with_role(op, "value_dim"):
        return dict(args)

    def scaled(heads: Scalar) -> Scalar:
        return max(int(float(heads) * factor + 0.5), 1)

    heads = args.get(name, known[name].default)
    new = compact(tuple(map(scaled, heads))) if isinstance(heads, tuple) else scaled(heads)
    return {**args, name: new}


@dataclass(frozen=True)
class ArgumentSlot:
    """An argument of one operator, with the same meaning wherever the operator stands in the stages."""

    op: str
    argument: str


def argument_slots(architecture: Architecture, roles: Iterable[str]) -> tuple[ArgumentSlot, ...]:
    """The arguments of the blocks' operators that have one of these roles, each once."""
    ops = dict.fromkeys(block.op for stage in architecture.stages for block in stage.blocks())
    return tuple(ArgumentSlot(op, name) for op in ops for role in roles for name in with_role(op, role))


def map_argument(
    architecture: Architecture,
    slot: ArgumentSlot,
    change: Callable[[float], float],
    *,
    stage: int | None = None,
) -> Architecture:
    """Every value of one argument changed, in all blocks of its operator (of one stage, if it is given)."""
    for place in places(architecture):
        if stage is not None and place.stage != stage:
            continue
        segment = segment_at(architecture, place)
        blocks = segment.blocks()
        values = tuple(
            _plain(change(float(block.full_args()[slot.argument])))
            if block.op == slot.op
            else block.full_args().get(slot.argument, 1)
            for block in blocks
        )
        if any(block.op == slot.op for block in blocks):
            kept = {**segment.args, slot.argument: compact(values)}
            architecture = _with_segment(architecture, place, replace(segment, args=kept))
    return architecture


def _plain(value: float) -> Scalar:
    """4.0 is written 4; nothing keeps the dust of floating point."""
    rounded = round(value, 6)
    return int(rounded) if float(rounded).is_integer() else rounded
