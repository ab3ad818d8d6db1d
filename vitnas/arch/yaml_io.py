"""Reading YAML with the line of every key, and writing it in the one layout that vitnas uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from vitnas.errors import InvalidInput, VitnasError, describe
from vitnas.formats.text_file import check_characters, read_text
from vitnas.formats.yaml_limits import Refused, check_size
from vitnas.formats.yaml_scalars import CoreLoader, quote_as_core


@dataclass(frozen=True)
class Source:
    """A document with the place that each key path was read from."""

    data: Any
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, path: str) -> str:
        """``file:line: key.path: `` as far as they are known; the nearest parent's line if need be."""
        probe, line = path, self.lines.get(path)
        while line is None and probe:
            probe = probe.rpartition(".")[0]
            line = self.lines.get(probe)
        place = f"{self.file}:{line}" if self.file and line else self.file
        return ": ".join(part for part in (place, path) if part) + ": " if place or path else ""

    def fail(self, error: type[InvalidInput], path: str, problem: str) -> NoReturn:
        """Raise ``error`` with file, line and key path in front of the problem."""
        raise error(self.where(path) + problem)


def read_yaml(path: str | Path, error: type[InvalidInput] = InvalidInput) -> Source:
    """Read one document.

    Raises:
        InvalidInput: (or the subclass ``error``) not readable, not YAML, or a key stands twice.
    """
    return parse_yaml(read_text(path, error), str(path), error)


def parse_yaml(text: str, file: str = "", error: type[InvalidInput] = InvalidInput) -> Source:
    """Parse one document; see :func:`read_yaml`."""
    check_characters(text, file, error)
    loader = CoreLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        if node is not None:
            check_size(node)
            _collect(node, "", lines, file, error)
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else "?"
        hint = " (YAML is indented with spaces, never with tabs)" if "\\t" in str(problem.problem) else ""
        what = "" if isinstance(problem, Refused) else "not valid YAML: "
        raise error(f"{file}:{line}: {what}{problem.problem}{hint}") from None
    except VitnasError:
        raise
    except RecursionError:
        raise error(f"{file}: not valid YAML: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as problem:
        raise error(f"{file}: not valid YAML: {describe(problem)}") from None
    finally:
        loader.dispose()
    return Source(data, file, lines)


def _collect(node: yaml.Node, path: str, lines: dict[str, int], file: str, error: type[InvalidInput]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise error(f"{file}:{key.start_mark.line + 1}: the key '{name}' stands here twice")
            seen.add(name)
            child = f"{path}.{name}" if path else name
            lines[child] = key.start_mark.line + 1
            _collect(value, child, lines, file, error)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect(value, f"{path}.{index}" if path else str(index), lines, file, error)


class FlowDict(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


quote_as_core(_Dumper)
_Dumper.add_representer(
    FlowDict, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)
_Dumper.add_representer(
    tuple, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)


def dump_yaml(data: Mapping[str, Any]) -> str:
    """YAML text; ``FlowDict`` and tuples stand on one line."""
    return yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
