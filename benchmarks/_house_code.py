"""Counts of a checkout's code, read with ast: lines, functions, folders, names; vitnas is not imported."""

from __future__ import annotations

import ast
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeAlias

# what the version before does not have, counted apart; patterns are relative to vitnas/
APART = {
    "API": ("api.py", "api_*.py", "api/**/*.py"),
    "testing": ("testing/**/*.py",),
    "templates of `vitnas new`": ("new/templates/**/*.py", "cli/templates/**/*.py", "templates/**/*.py"),
}
PLUGIN_ROOMS = (  # one file a plug-in or command, however many there are
    *("cli", "cli/profile", "ops", "strategies", "qualities", "quality/proxies", "quality/genomes"),
    "hardware/measure/runtimes",
)
LONG_FILE = 300
LONG_FUNCTION = 60
FULL_FOLDER = 15
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file; ``name`` is relative to the folder that was read."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def room(self) -> str:
        """The first folder, or the file's own stem."""
        return PurePosixPath(self.name).parts[0].removesuffix(".py")

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.name).parent)


def read(folder: Path) -> list[Source]:
    """Every Python file below ``folder``."""
    paths = sorted(folder.rglob("*.py"))
    return [Source(p.relative_to(folder).as_posix(), p.read_text(encoding="utf-8")) for p in paths]


def program(sources: Iterable[Source]) -> list[Source]:
    """Without the templates, which are copied and never imported."""
    return [s for s in sources if "templates" not in PurePosixPath(s.name).parts]


def lines_apart(sources: Iterable[Source]) -> dict[str, int]:
    """Lines of each part of ``APART``."""
    found = dict.fromkeys(APART, 0)
    for source in sources:
        part = next((p for p, patterns in APART.items() if _matches(source.name, patterns)), None)
        if part:
            found[part] += source.lines
    return found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """As ``Path.full_match``, of which Python 3.11 has none: ``**/`` stands for any folders."""
    path = PurePosixPath(name)
    for pattern in patterns:
        top, _, rest = pattern.partition("**/")
        if rest and name.startswith(top) and path.match(rest):
            return True
        if not rest and path.match(pattern) and str(path.parent) == str(PurePosixPath(pattern).parent):
            return True
    return False


def functions(sources: Iterable[Source]) -> list[tuple[str, Function]]:
    """Each function, nested ones too, as FILE:NAME."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(f"{s.name}:{n.name}", n) for s in sources for n in ast.walk(s.tree) if isinstance(n, kinds)]


def length(function: Function) -> int:
    """Lines without decorators and without the docstring."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def annotated(found: Iterable[tuple[str, Function]], methods: set[int]) -> tuple[float, float]:
    """Share of the arguments and of the returns with a type; a method's first argument needs none."""
    arguments, returns = [], []
    for _, function in found:
        a = function.args
        given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        bound = id(function) in methods and not _is_static(function) and (a.posonlyargs or a.args)
        arguments += [argument.annotation is not None for argument in given[1 if bound else 0 :]]
        returns.append(function.returns is not None)
    return _share(arguments), _share(returns)


def methods(sources: Iterable[Source]) -> set[int]:
    """The ``id`` of each function that stands in a class."""
    classes = (n for s in sources for n in ast.walk(s.tree) if isinstance(n, ast.ClassDef))
    return {id(child) for c in classes for child in c.body}


def _is_static(function: Function) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list)


def _share(values: list[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def long_files(sources: Iterable[Source], limit: int = LONG_FILE) -> list[str]:
    return [s.name for s in sources if s.lines > limit]


def folders(sources: Iterable[Source]) -> dict[str, int]:
    """Modules directly in each folder, ``__init__`` not counted, without rooms of plug-ins."""
    found: dict[str, int] = defaultdict(int)
    for source in sources:
        if source.stem != "__init__" and source.folder not in PLUGIN_ROOMS:
            found[source.folder] += 1
    return dict(found)


def shared_stems(sources: Iterable[Source], private: str = "") -> dict[str, list[str]]:
    """File names that stand in two or more folders; leading characters of ``private`` are taken off."""
    found: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        if source.stem not in ("__init__", "__main__"):
            found[source.stem.lstrip(private) if private else source.stem].append(source)
    several = {stem: same for stem, same in sorted(found.items()) if len({s.folder for s in same}) > 1}
    return {stem: [s.name for s in same] for stem, same in several.items()}


def constants_replaced(sources: Iterable[Source]) -> Iterator[tuple[str, str]]:
    """FILE:LINE and name of each UPPER_CASE name that a test replaces in another module.

    ``monkeypatch.setattr(owner, "NAME", ...)`` and ``monkeypatch.setattr("module.NAME", ...)``.
    """
    for source, call in setattr_calls(sources):
        texts = [a.value for a in call.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        name = texts[0].rsplit(".", 1)[-1] if texts else ""
        if is_constant(name):
            yield f"{source.name}:{call.lineno}", name


def constants_assigned(sources: Iterable[Source]) -> Iterator[tuple[str, str]]:
    """The same by plain assignment, ``module.NAME = ...``, as scripts of tests do."""
    for source in (script for s in sources for script in [s, *_scripts(s)]):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assign):
                targets = (target for target in node.targets if isinstance(target, ast.Attribute))
                names = [t.attr for t in targets if ast.unparse(t.value) not in ("self", "cls")]
                yield from ((f"{source.name}:{node.lineno}", name) for name in names if is_constant(name))


def _scripts(source: Source) -> Iterator[Source]:
    """Programs that a file keeps as text."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            script = Source(f"{source.name}:{node.lineno}", node.value)
            with contextlib.suppress(SyntaxError):
                script.tree  # noqa: B018 (parsed once, and kept)
                yield script


def setattr_calls(sources: Iterable[Source]) -> Iterator[tuple[Source, ast.Call]]:
    """Each ``monkeypatch.setattr(...)``."""
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "monkeypatch.setattr":
                yield source, node


def is_constant(name: str) -> bool:
    return name.isupper() and name.strip("_") != ""
