"""All code that decides what a plug-in does: its file, its bases, and whatever these import."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from importlib.metadata import packages_distributions as distributions_of_all
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

from vitnas.plugins.loading import load_plugin
from vitnas.plugins.places import PACKAGE_FOLDER, place_of, shipped_files, stem_of

INSTALLED = ("site-packages", "dist-packages")
FRAMEWORKS = ("torch", "torchvision", "timm", "numpy")  # their version says enough of a base class
UNKNOWABLE = frozenset(  # whoever uses these may depend on what no import names
    [
        *("exec", "eval", "open", "__import__", "import_module", "find_spec", "spec_from_file_location"),
        *("exec_module", "load_module", "run_path", "run_module", "read_text", "read_bytes", "get_data"),
        *("environ", "getenv", "load", "loadtxt", "genfromtxt", "fromfile", "read_csv", "read_image"),
        *("load_plugin", "entry_points", "urlopen", "argv", "path_hooks", "meta_path"),
    ]
)
_first = WeakKeyDictionary[ModuleType, str]()  # modules -> digests of their files when they were first seen


def is_shipped(kind: str, name: str) -> bool:
    """Whether a plug-in is one of this package."""
    place = place_of(kind, name)
    return isinstance(place, Path) and place == shipped_files(kind).get(stem_of(name))


def code_hash(kind: str, name: str) -> str | None:
    """A digest of the code that a plug-in depends on; None where that cannot be known.

    It covers the plug-in's file and those of its bases; every module that they import, directly or through
    others, from outside installed packages; the package of an entry point, its files and its version; and the
    versions of other installed packages.
    """
    walk = _Walk()
    place = place_of(kind, name)
    cls = load_plugin(kind, name)
    if isinstance(place, EntryPoint):
        walk.own.add(place.module.partition(".")[0])
        walk.add_installed(place.module.partition(".")[0], place.dist)
    for base in cls.__mro__:
        top = base.__module__.partition(".")[0]
        if top not in FRAMEWORKS:
            walk.own.add(top)
        walk.visit(base.__module__)
    return None if walk.is_unknown else walk.digest()


class _Walk:
    """Goes from module to module.

    Attributes:
        own: top-level packages whose files are read although they are installed.
        is_unknown: whether something was found that depends on more than code which imports name.
    """

    def __init__(self) -> None:
        self.own: set[str] = set()
        self.is_unknown = False
        self._parts: dict[str, str] = {}
        self._done: set[str] = set()

    def digest(self) -> str:
        """Of everything that was found, in whatever order."""
        return hashlib.sha256(repr(sorted(self._parts.items())).encode()).hexdigest()

    def add_installed(self, top: str, package: Distribution | None = None) -> bool:
        """Note the version of an installed package, and the list of its files; False if there is none."""
        package = package or _distribution(top)
        if package is None:
            return False
        files = hashlib.sha256((package.read_text("RECORD") or "").encode()).hexdigest()
        self._parts[f"package {top}"] = f"{package.version} {files}"
        return True

    def visit(self, name: str) -> None:
        """Note a module, the packages that it is in, and all that it imports."""
        todo = [name]
        while todo:
            name = todo.pop()
            if name in self._done:
                continue
            self._done.add(name)
            if "." in name:
                todo.append(name.rpartition(".")[0])
            spec = _spec(name)
            if name == "__main__":
                self.is_unknown = True  # a script or a notebook
            elif spec is None:
                self._parts[f"module {name}"] = "missing"
            elif spec.origin is not None and not _is_standard(spec.origin):
                todo += self._add(name, spec, Path(spec.origin))

    def _add(self, name: str, spec: ModuleSpec, file: Path) -> list[str]:
        """Note a module that has a file; returns what it imports."""
        top = name.partition(".")[0]
        if top == PACKAGE_FOLDER.name:
            self._parts[top] = _our_hash()
            return []
        if top not in self.own and any(part in INSTALLED for part in file.parts):
            if self.add_installed(top):
                return []
            self.own.add(top)
        try:
            content = file.read_bytes()
        except OSError:
            self.is_unknown = True
            return []
        self._parts[f"module {name}"] = found = hashlib.sha256(content).hexdigest()
        if name in sys.modules and _first.setdefault(sys.modules[name], found) != found:
            self.is_unknown = True  # what runs is older than its file
        return self._imports(name, spec, file, content)

    def _imports(self, name: str, spec: ModuleSpec, file: Path, content: bytes) -> list[str]:
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError):
            self.is_unknown |= not file.name.endswith(tuple(EXTENSION_SUFFIXES))
            return []
        self.is_unknown |= any(_is_unknowable(node) for node in ast.walk(tree))
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        return list(_imported(tree, package))


def _is_unknowable(node: ast.AST) -> bool:
    used = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    named = isinstance(node, ast.ImportFrom) and any(alias.name in UNKNOWABLE for alias in node.names)
    return named or used in UNKNOWABLE


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """The modules that a source imports, those in functions as well; a name may be no module at all."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{a.name}" for a in node.names if _spec(f"{base}.{a.name}") is not None)


def _spec(name: str) -> ModuleSpec | None:
    """Where a module comes from, without importing anything."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is not None:
        return spec  # type: ignore[no-any-return]
    parent = name.rpartition(".")[0]
    above = _spec(parent) if parent else None
    if parent and (above is None or above.submodule_search_locations is None):
        return None
    path = list(above.submodule_search_locations or ()) if above is not None else None
    for finder in sys.meta_path:
        found = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if found is not None:
            return found
    return None


@functools.cache
def _standard() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


def _is_standard(origin: str) -> bool:
    """Whether a module belongs to Python itself."""
    if origin in ("built-in", "frozen"):
        return True
    file = Path(origin).resolve()
    inside = any(file.is_relative_to(folder) for folder in _standard())
    return inside and not any(part in INSTALLED for part in file.parts)


@functools.cache  # of a process: what is imported does not change below it
def _our_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE_FOLDER.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _distribution(top: str) -> Distribution | None:
    """The installed package of a top-level module."""
    try:
        return distribution(top)
    except (PackageNotFoundError, ValueError):
        others = _named_otherwise().get(top)
        return distribution(others[0]) if others else None


@functools.cache
def _named_otherwise() -> dict[str, list[str]]:
    return dict(distributions_of_all())
