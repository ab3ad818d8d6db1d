"""The one schema: an architecture whose values may be open. Closed it is an architecture, open a space."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitnas.arch import operators
from vitnas.arch.notes import NOTES, read_name, read_notes
from vitnas.arch.operators import Scalar, coerce
from vitnas.arch.values import Gene, Open, Reader, Use, Value, close
from vitnas.arch.yaml_io import Source
from vitnas.errors import InvalidInput, UnknownName, Untrusted, _unknown_message
from vitnas.formats.resolution import as_scalar, parse_resolution

RESOLUTION = "input.resolution_px"
STRUCTURE = ("name", "input", "classes", "vars", "stem", "stages", "head")
MOST = {  # of the numbers of a network
    "input.channels": 100_000,
    "classes": 10_000_000,
    "width": 100_000,
    "repeat": 2_000,
}
MOST_BLOCKS = 4_000  # of a whole network


@dataclass(frozen=True)
class Part:
    """One operator with its arguments: the stem, a down-sampling, the head, or a single block."""

    op: Value
    args: Mapping[str, Value]


@dataclass(frozen=True)
class SegmentTemplate:
    """A run of blocks; ``blocks`` holds as many as ``repeat`` can ever ask for."""

    path: str
    repeat: Value
    blocks: tuple[Part, ...]


@dataclass(frozen=True)
class StageTemplate:
    """A width, how the stage is entered, and its segments in order."""

    width: Value
    down: Part | None
    segments: tuple[SegmentTemplate, ...]


@dataclass(frozen=True)
class Template:
    """A whole network with some values open. ``uses[g]`` says under which conditions gene g matters."""

    name: str
    in_channels: Value
    resolution_px: Value  # as `vitnas.formats.resolution.as_scalar` gives it
    classes: Value
    stem: Part
    stages: tuple[StageTemplate, ...]
    head: Part
    genes: tuple[Gene, ...]
    uses: tuple[tuple[Use, ...], ...]
    notes: Mapping[str, Any] = field(default_factory=dict)


def closed_args(part: Part, chosen: Sequence[Scalar]) -> tuple[str, dict[str, Scalar]]:
    """Operator name and the arguments that this operator takes, given every gene's value."""
    op = str(close(part.op, chosen))
    known = operators.arguments(op)
    return op, {name: close(value, chosen) for name, value in part.args.items() if name in known}


def parse_template(source: Source, error: type[InvalidInput]) -> Template:
    """Read and check a document.

    Raises:
        InvalidInput: (the subclass ``error``) with file, line and key path, and the valid options.
    """
    return _TemplateParser(source, error).parse()


class _TemplateParser:
    def __init__(self, source: Source, error: type[InvalidInput]) -> None:
        self.source = source
        self.reader = Reader(source, error)
        self.blocks = 0

    def parse(self) -> Template:
        raw = self.source.data
        self._keys(raw, "", required=("stem", "stages", "head"), optional=(*STRUCTURE, *NOTES))
        self._variables(_given(raw, "vars"))
        feed = _given(raw, "input")
        self._keys(feed, "input", optional=("channels", "resolution_px"))
        channels = self._number(feed.get("channels", 3), "input.channels", 1)
        resolution = self._resolution(feed.get("resolution_px", 224))
        classes = self._number(raw.get("classes", 1000), "classes", 0)
        stem = self._part(raw["stem"], "stem", ())
        if not isinstance(raw["stages"], list) or not raw["stages"]:
            self.reader.fail("stages", "expected a list with at least one stage")
        stages = tuple(self._stage(s, f"stages.{i}") for i, s in enumerate(raw["stages"]))
        head = self._part(raw["head"], "head", ())
        unused = set(self.reader.variables) - self.reader.used_variables
        if unused:
            self.reader.fail(f"vars.{min(unused)}", "no value uses this variable")
        notes = read_notes(self.source, self.reader.error)
        uses = tuple(tuple(u) for u in self.reader.uses)
        name = read_name(self.source, self.reader.error)
        genes = tuple(self.reader.genes)
        return Template(name, channels, resolution, classes, stem, stages, head, genes, uses, notes)

    def _resolution(self, raw: Any) -> Value:
        value = self.reader.read(raw, RESOLUTION, lambda given: as_scalar(parse_resolution(given)))
        self.reader.used(value, ())
        return value

    def _keys(
        self, raw: Any, path: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> None:
        if not isinstance(raw, Mapping):
            self.reader.fail(path, f"expected keys and values, got {raw!r:.60}")
        known = [*required, *(key for key in optional if key not in required)]
        for key in raw:
            if key not in known:
                self.reader.fail(
                    f"{path}.{key}" if path else str(key), _unknown_message("key", str(key), known, "")
                )
        for key in required:
            if key not in raw:
                self.reader.fail(path, f"the key '{key}' is missing")

    def _variables(self, raw: Any) -> None:
        if not isinstance(raw, Mapping):
            self.reader.fail("vars", f"expected names and values, got {raw!r:.60}")
        for name, value in raw.items():
            self.reader.variables[str(name)] = self.reader.read(value, f"vars.{name}", _any_scalar)

    def _number(self, raw: Any, path: str, minimum: int, use: Use | None = ()) -> Value:
        def whole(value: Any) -> Scalar:
            number = coerce(value, int)
            if int(number) < minimum:
                raise ValueError(f"expected an integer of at least {minimum}, got {number}")
            if int(number) > most:
                raise ValueError(f"expected an integer of at most {most:,}, got {number}")
            return number

        most = MOST[path if path in MOST else path.rpartition(".")[2]]
        value = self.reader.read(raw, path, whole)
        if use is not None:
            self.reader.used(value, use)
        return value

    def _stage(self, raw: Any, path: str) -> StageTemplate:
        self._keys(raw, path, required=("width", "blocks"), optional=("down",))
        width = self._number(raw["width"], f"{path}.width", 1)
        down = self._part(raw["down"], f"{path}.down", ()) if "down" in raw else None
        if not isinstance(raw["blocks"], list):
            self.reader.fail(
                f"{path}.blocks", "expected a list of segments such as {op: conv_ffn, repeat: 2}"
            )
        segments = [self._segment(s, f"{path}.blocks.{j}") for j, s in enumerate(raw["blocks"])]
        return StageTemplate(width, down, tuple(segments))

    def _segment(self, raw: Any, path: str) -> SegmentTemplate:
        if not isinstance(raw, Mapping):
            self.reader.fail(path, f"expected a segment such as {{op: conv_ffn, repeat: 2}}, got {raw!r:.60}")
        repeat = self._number(raw.get("repeat", 1), f"{path}.repeat", 0)
        if isinstance(repeat, Open) and repeat.by is not None:
            self.reader.fail(f"{path}.repeat", "is a product of two variables; a depth is one value")
        longest = max(int(option) for option in self.reader.options(repeat))
        self.blocks += longest
        if self.blocks > MOST_BLOCKS:
            self.reader.fail(f"{path}.repeat", f"makes more than {MOST_BLOCKS:,} blocks in all")
        body = {key: value for key, value in raw.items() if key != "repeat"}
        uses = [self.reader.condition(repeat, functools.partial(_exceeds, k)) for k in range(longest)]
        return SegmentTemplate(path, repeat, self._blocks(body, path, uses))

    def _part(self, raw: Any, path: str, use: Use) -> Part:
        return self._blocks(raw, path, [use], single=True)[0]

    def _blocks(self, raw: Any, path: str, uses: Sequence[Use], *, single: bool = False) -> tuple[Part, ...]:
        """The blocks of a segment (one for each use); an untied choice opens one gene for each of them."""
        if not isinstance(raw, Mapping) or "op" not in raw:
            self.reader.fail(path, "expected an operator such as {op: conv_ffn}")
        count = len(uses)
        ops = self._per_block(raw["op"], f"{path}.op", self._operator, count, single)
        names = {str(option) for op in ops for option in self.reader.options(op)}
        known = sorted({name for op in names for name in operators.arguments(op)})
        for key in raw:
            if key != "op" and key not in known:
                options = [*known, "op"] if single else [*known, "op", "repeat"]
                self.reader.fail(f"{path}.{key}", _unknown_message("argument", str(key), options, ""))
        for op in sorted(names):
            for name, argument in operators.arguments(op).items():
                if argument.default is None and name not in raw:
                    self.reader.fail(path, f"operator '{op}' needs the argument '{name}'")
        args = {
            key: self._per_block(value, f"{path}.{key}", _coercer(names, str(key)), count, single)
            for key, value in raw.items()
            if key != "op"
        }
        for k, use in enumerate(uses):
            self.reader.used(ops[k], use)
            for name, values in args.items():
                takes = self.reader.condition(ops[k], functools.partial(_takes, name))
                self.reader.used(values[k], (*use, *takes))
        return tuple(Part(ops[k], {name: values[k] for name, values in args.items()}) for k in range(count))

    def _operator(self, raw: Any) -> Scalar:
        name = str(coerce(raw, str))
        try:
            operators.arguments(name)
        except (UnknownName, Untrusted) as problem:
            raise ValueError(str(problem)) from None
        return name

    def _per_block(
        self, raw: Any, path: str, coerced: Callable[[Any], Scalar], count: int, single: bool
    ) -> list[Value]:
        if isinstance(raw, list):
            if single or len(raw) != count:
                self.reader.fail(
                    path, "expected one value" if single else f"expected {count} values, got {len(raw)}"
                )
            return [self.reader.read(v, path, coerced, name=f"{path}[{k}]") for k, v in enumerate(raw)]
        is_open = isinstance(raw, Mapping) and "var" not in raw
        tied = raw.get("tied", False) if isinstance(raw, Mapping) else False
        if not isinstance(tied, bool):
            self.reader.fail(path, f"'tied' takes true or false, got {tied!r}")
        if is_open and not tied and not single:
            return [self.reader.read(raw, path, coerced, name=f"{path}[{k}]") for k in range(count)]
        value = self.reader.read(raw, path, coerced) if count else 0
        return [value] * count


def _given(raw: Mapping[str, Any], key: str) -> Any:
    """What stands under a key; nothing where it stands alone."""
    return {} if raw.get(key) is None else raw[key]


def _exceeds(k: int, repeat: Scalar) -> bool:
    return int(repeat) > k


def _takes(argument: str, op: Scalar) -> bool:
    return argument in operators.arguments(str(op))


def _any_scalar(value: Any) -> Scalar:
    if isinstance(value, bool | str) or operators.is_number(value):
        return value  # type: ignore[no-any-return]
    raise ValueError(f"expected a number, text or true or false, got {value!r:.60}")


def _coercer(ops: set[str], argument: str) -> Callable[[Any], Scalar]:
    taken = [operators.arguments(op)[argument] for op in sorted(ops) if argument in operators.arguments(op)]

    def coerced(value: Any) -> Scalar:
        results = [argument.coerce(value) for argument in taken]
        return results[0]

    return coerced


__all__ = ["Open", "Part", "SegmentTemplate", "StageTemplate", "Template", "closed_args", "parse_template"]
