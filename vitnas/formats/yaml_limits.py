"""Documents of YAML stay small and plain: no tags, no circles, no aliases that grow without end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

DEEPEST = 60
MOST_NODES = 100_000  # aliases counted as often as they stand
_STR = "tag:yaml.org,2002:str"


class Refused(yaml.MarkedYAMLError):
    """Valid YAML that is read by none of our commands."""


class LimitedComposer(yaml.composer.Composer):
    """A composer that refuses tags: a document says numbers and texts, never a type of Python's or YAML's."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Any node."""
        event: Any = self.peek_event()  # type: ignore[attr-defined]
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _STR):
            problem = f"tags such as '{tag:.60}' are not allowed; write the plain value"
            raise Refused(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def check_size(root: yaml.Node) -> None:
    """Whether a document is finite and of sensible size.

    Raises:
        Refused: it holds itself, is nested too deeply, or grows by its aliases.
    """
    count = 0
    path: list[yaml.Node] = []
    todo: list[tuple[yaml.Node, int]] = [(root, 0)]
    while todo:
        node, depth = todo.pop()
        del path[depth:]
        if any(node is above for above in path):
            raise _problem(node, "an alias stands inside of what it stands for")
        count += 1
        if depth > DEEPEST:
            raise _problem(node, f"nested more than {DEEPEST} levels deep")
        if count > MOST_NODES:
            raise _problem(node, f"holds more than {MOST_NODES:,} values, aliases written out")
        path.append(node)
        todo += [(child, depth + 1) for child in _children(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _problem(node: yaml.Node, problem: str) -> Refused:
    return Refused(None, None, problem, node.start_mark)
