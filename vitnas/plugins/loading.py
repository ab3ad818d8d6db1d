"""From the name of a plug-in to its class."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
from importlib.abc import ExecutionLoader
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from vitnas.errors import UnknownName, describe, unknown
from vitnas.plugins.failures import defect, imported, running
from vitnas.plugins.places import (
    KINDS,
    UserFiles,
    camel_case,
    is_adopted,
    own_files,
    packaged,
    place_of,
    shipped_files,
    shown,
    standing,
    stem_of,
    text_of,
)
from vitnas.plugins.trust import is_path, require_granted

T = TypeVar("T")
_ours: dict[tuple[str, str, str, int], Any] = {}  # classes of this package that nothing hides
_texts: dict[Path, str] = {}  # of the user's files, as they were imported


def list_plugins(kind: str) -> dict[str, str]:
    """Name -> one line (the first of the class's docstring) without importing anything."""
    found: dict[str, str] = {}
    for path in (*own_files(kind), *shipped_files(kind).values()):
        found.setdefault(stem_of(path.name), _first_line(path))
    for point in packaged(kind):
        found.setdefault(stem_of(point.name), f"from {point.value}")
    separator = "-" if kind in ("strategy", "runtime") else "_"
    return {stem.replace("_", separator): line for stem, line in sorted(found.items())}


def _first_line(path: Path) -> str:
    try:
        body = ast.parse(text_of(path)).body
    except (SyntaxError, ValueError, OSError) as problem:
        return f"{shown(path)} cannot be read: {describe(problem)}"
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == camel_case(path.name):
            return (ast.get_docstring(node) or "").split("\n")[0]
    return ""


def load_plugin(kind: str, name: str) -> Any:
    """The class of a plug-in.

    Raises:
        UnknownName: nothing of that name.
        InvalidInput: two files of the user's folder, or two packages, have this name.
        Untrusted: it is a path that the user has neither given nor trusted.
        PluginError: it cannot be imported, or does not define the class that its name asks for.
    """
    key = (kind, name, *standing(kind))
    if key in _ours:
        return _ours[key]
    place = place_of(kind, name)
    if place is None:
        raise unknown(kind, name, list_plugins(kind))
    if isinstance(place, EntryPoint):
        with running(kind, name, "cannot be imported"):
            found = place.load()
        imported[Path(inspect.getfile(found))] = kind, name
        return found
    is_ours = place == shipped_files(kind).get(stem_of(name))
    if is_ours:
        module = importlib.import_module(f"{KINDS[kind][0]}.{place.stem}")
    elif place.is_file() or is_adopted(place):
        if is_path(name):
            require_granted(kind, KINDS[kind][1], Path(name))
        module = _import_file(kind, place)
    else:
        raise UnknownName(f"no such {kind} file: '{name}'")
    wanted = camel_case(place.name)
    if not hasattr(module, wanted):
        own = [n for n, v in vars(module).items() if isinstance(v, type) and v.__module__ == module.__name__]
        others = f"; it defines {', '.join(own)}" if own else ""
        raise defect(kind, name, f"must define the class '{wanted}', for that is its file's name{others}")
    if is_ours:
        _ours[key] = getattr(module, wanted)
    return getattr(module, wanted)


def load_class(kind: str, name: str, base: type[T], *methods: str) -> type[T]:
    """The class of a plug-in, which derives from the public base of its kind and has these methods.

    Raises:
        UnknownName, InvalidInput: see `load_plugin`.
        PluginError: it cannot be imported, does not derive from ``base``, or lacks a method.
    """
    found = load_plugin(kind, name)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise defect(kind, name, f"must derive from {KINDS[kind][0]}.{base.__name__}")
    for method in methods:
        if getattr(found, method) is getattr(base, method):
            raise defect(kind, name, f"must have the method '{method}'")
    return found


def _import_file(kind: str, path: Path) -> ModuleType:
    """The user's file as a module; imported again if its text has changed."""
    with running(kind, str(path), "cannot be read"):
        text = text_of(path)
    place, key = path if is_adopted(path) else path.resolve(), Path(os.path.abspath(path))
    name = f"vitnas_user_{KINDS[kind][1]}_{stem_of(path.name)}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(place) and _texts.get(key) == text:
        return known
    spec = importlib.util.spec_from_file_location(name, place, loader=_TextLoader(place, text))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _texts[key], imported[key] = text, (kind, path.name)
    sys.modules[name] = module
    try:
        with running(kind, str(path), "cannot be imported"):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _TextLoader(ExecutionLoader):
    """Loads a module from a text: its file may be on another machine, and has no stale bytecode."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def get_source(self, fullname: str) -> str:
        """The module's text, also for tracebacks."""
        return self.text

    def get_filename(self, fullname: str) -> str:
        """Its file."""
        return str(self.path)

    def is_package(self, fullname: str) -> bool:
        """It never is."""
        return False


def user_files() -> UserFiles:
    """The plug-ins of the user's folders, and those that were loaded by their path."""
    sources = {str(path): text for path, text in _texts.items()}
    sources |= {str(path): text_of(path) for kind in KINDS for path in own_files(kind)}
    return UserFiles(os.getcwd(), dict(sorted(sources.items())))
