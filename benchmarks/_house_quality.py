"""Files that ask which kind a quality is, and files that name a cost."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from _house_code import Source

WORDS = ("is_genome_quality", "TRAIN", "load_proxy")
OLD = WORDS[:2]  # the two of which the count of the version before was made
NAMES = ("capacity", "fitted", "train")  # and every proxy
PROXIES = "quality/proxies"
ROOMS = ("quality", "qualities", "testing")  # contracts load what they test


def quality_names(sources: Iterable[Source]) -> set[str]:
    """The names that a quality can have on the command line, counts apart."""
    proxies = {s.stem for s in sources if s.folder == PROXIES and not s.stem.startswith("_")}
    return {*NAMES, *proxies}


def special_cases(sources: list[Source]) -> dict[str, list[str]]:
    """Files outside the rooms of qualities that ask for a kind of quality, with what they do."""
    names = quality_names(sources)
    outside = [source for source in sources if source.room not in ROOMS]
    found = {source.name: sorted(set(_reasons(source, names))) for source in outside}
    return {name: reasons for name, reasons in found.items() if reasons}


def _reasons(source: Source, names: set[str]) -> Iterator[str]:
    classes = _classes(source)
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word) if word in WORDS:
                yield word
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                yield from (f"isinstance {name}" for name in _identifiers(kinds) & classes)
            case ast.Compare():
                yield from _compared(node, names)


def _classes(source: Source) -> set[str]:
    """Names imported from the rooms of qualities; only the base class says nothing about the kind."""
    packages = tuple(f"vitnas.{room}." for room in ROOMS)
    froms = (node for node in ast.walk(source.tree) if isinstance(node, ast.ImportFrom))
    ours = (node for node in froms if f"{node.module}.".startswith(packages))
    return {alias.asname or alias.name for node in ours for alias in node.names} - {"Quality"}


def _compared(node: ast.Compare, names: set[str]) -> Iterator[str]:
    """A comparison with a quality's name; ``x.kind`` and ``x["kind"]`` are kinds of devices and of rows."""
    sides = [node.left, *node.comparators]
    if not all(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops):
        return
    if any(ast.unparse(side).endswith((".kind", "['kind']")) for side in sides):
        return
    for side in sides:
        found = {n.value for n in ast.walk(side) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        constants = {name.lower() for name in _identifiers(side) if name.isupper()}
        yield from (f"== {name}" for name in (found | constants) & names)


def _identifiers(node: ast.AST) -> set[str]:
    return {n.id if isinstance(n, ast.Name) else n.attr
            for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)}  # fmt: skip


def naming(sources: Iterable[Source], *words: str) -> list[str]:
    """Files whose text has one of the words."""
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b")
    return [s.name for s in sources if pattern.search(s.text)]


def asking_rates(sources: Iterable[Source]) -> list[str]:
    """Files outside the rooms of qualities that read ``.rates``: what a quality scores, not its name."""
    return [
        s.name
        for s in sources
        if s.room not in ROOMS
        and any(isinstance(n, ast.Attribute) and n.attr == "rates" for n in ast.walk(s.tree))
    ]
