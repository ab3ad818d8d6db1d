"""Who imports whom in a checkout: circles, and imports against the order of the rooms."""

from __future__ import annotations

import ast
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from _house_code import Source

KNOW_EVERYTHING = ("__init__", "__main__", "cli")
Graph: TypeAlias = dict[str, set[str]]


def modules(sources: Iterable[Source]) -> dict[str, Source]:
    """Dotted names, as ``vitnas.space.files``; a package has the name of its folder."""
    return {dotted(source): source for source in sources}


def dotted(source: Source) -> str:
    parts = ["vitnas", *source.name.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: Source) -> set[str]:
    """Names imported anywhere in the file, in functions and under TYPE_CHECKING too.

    ``from vitnas.space import files`` counts as ``vitnas.space.files``, whether that is a module or a
    name in ``vitnas.space``; plug-ins that are looked up by name do not count.
    """
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "vitnas"}


def _base(source: Source, node: ast.ImportFrom) -> str:
    """The package that ``from`` names."""
    if not node.level:
        return node.module or ""
    package = ["vitnas", *source.name.split("/")[:-1]]
    return ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])


def module_graph(sources: Iterable[Source]) -> Graph:
    """Module to modules; the top package and the command line are left out, they know everything."""
    known = {name: s for name, s in modules(sources).items() if s.room not in KNOW_EVERYTHING}
    graph: Graph = {name: set() for name in known}
    for name, source in known.items():
        for target in imports(source):
            module = target if target in known else target.rpartition(".")[0]
            if module in known and module != name:
                graph[name].add(module)
    return graph


def room_graph(sources: Iterable[Source]) -> Graph:
    graph: Graph = defaultdict(set)
    for name, targets in module_graph(sources).items():
        here = name.split(".")[1]
        graph[here] |= {target.split(".")[1] for target in targets} - {here}
    return dict(graph)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach one another, by Tarjan's algorithm."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in number:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], number[target])
        if low[node] == number[node]:
            start = stack.index(node)
            group = sorted(stack[start:])
            del stack[start:]
            if len(group) > 1:
                found.append(group)

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return sorted(found)


def upward(sources: Iterable[Source], checkout: Path) -> list[str]:
    """Imports that the table of rooms in the checkout's tests does not list, as FILE -> ROOM.

    The top package (``from vitnas import __version__``) and the command line lie above every room.
    """
    sources = list(sources)
    rooms = {source.room for source in sources} - set(KNOW_EVERYTHING)
    allowed = allowed_rooms(checkout, rooms)
    found = set()
    for source in sources:
        if source.room not in KNOW_EVERYTHING:
            used = {name.partition(".")[2].partition(".")[0] for name in imports(source)}
            used = {room if room in rooms | {"cli"} else "vitnas" for room in used}
            found |= {f"{source.name} -> {room}" for room in used - allowed[source.room]}
    return sorted(found)


def allowed_rooms(checkout: Path, rooms: Iterable[str]) -> dict[str, set[str]]:
    """What each room may import by tests/test_import_direction.py, as its ``allowed = ...`` computes it."""
    tree = ast.parse((checkout / "tests/test_import_direction.py").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name):
            with contextlib.suppress(NameError, TypeError):  # what needs more is no part of the table
                names[target.id] = _evaluate(node.value, names)
    assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign))
    rule = next(node.value for node in assigned if ast.unparse(node.targets[0]) == "allowed")
    table = {room: set() for room in rooms} | names["MAY_IMPORT"]
    return {room: {*_evaluate(rule, names | {"MAY_IMPORT": table, "here": room}), room} for room in rooms}


def _evaluate(node: ast.expr, names: dict[str, Any]) -> Any:
    """Sets and dictionaries of names: nothing else can be called."""
    code = compile(ast.Expression(node), "test_import_direction.py", "eval")
    return eval(code, {"__builtins__": {"set": set, "frozenset": frozenset}} | names)
