"""One loader for all that is a file: operators, proxies, strategies (Python), spaces and devices (YAML).

A plugin is one file with one class: the name is the file's stem (``conv_ffn``, or ``optuna-tpe`` for
``optuna_tpe.py``) and the class is the stem in CamelCase. Looked up in this order: a path to a ``.py``
file, built in, the user's own folder (``./ops``, ``./proxies``, ``./qualities``, ``./strategies``,
``./runtimes``), entry
points (``vitnas.ops`` and so on).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.abc import InspectLoader
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from vitnas.errors import InvalidInput, UnknownName, unknown

KINDS = {
    "operator": ("vitnas.ops", "ops"),
    "proxy": ("vitnas.quality.proxies", "proxies"),
    "quality": ("vitnas.qualities", "qualities"),
    "strategy": ("vitnas.strategies", "strategies"),
    "runtime": ("vitnas.hardware.measure.runtimes", "runtimes"),
}
PACKAGE_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class UserFiles:
    """The user's plugins, on their way to workers on other machines.

    Attributes:
        folder: that the user stands in.
        sources: absolute path -> text.
    """

    folder: str
    sources: Mapping[str, str]


_loaded: set[Path] = set()  # the user's files that were imported
_adopted: UserFiles | None = None  # in such a worker: they answer, in place of files found there


def data_folders(kind: str) -> list[Path]:
    """Folders that hold ``search_spaces`` or ``hardware_profiles``: the user's own first, then ours."""
    shipped = PACKAGE_FOLDER / "_data" / kind
    if not shipped.is_dir():  # an editable install: the folders stand beside the package
        shipped = PACKAGE_FOLDER.parent / kind
    return [Path.cwd() / kind, shipped]


def list_data(kind: str) -> dict[str, Path]:
    """Name -> file of all spaces or devices; a user's file hides ours of the same name."""
    found: dict[str, Path] = {}
    for folder in data_folders(kind):
        if folder.is_dir():
            for path in sorted(folder.glob("*.yaml")):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_data(kind: str, name: str) -> Path:
    """The YAML file of a space or device, by name or path.

    Raises:
        UnknownName: nothing of that name; the message suggests the closest one.
    """
    as_path = Path(name)
    if as_path.suffix in {".yaml", ".yml"}:
        if as_path.is_file():
            return as_path
        raise UnknownName(f"no such file: '{name}'")
    found = list_data(kind)
    if name in found:
        return found[name]
    raise unknown({"search_spaces": "space", "hardware_profiles": "device"}[kind], name, found)


def camel_case(stem: str) -> str:
    """``conv_ffn`` -> ``ConvFfn``."""
    return "".join(part.capitalize() for part in stem.split("_"))


def _stem(name: str) -> str:
    return name.replace("-", "_")


def _builtin_files(kind: str) -> dict[str, Path]:
    package, _ = KINDS[kind]
    folder = PACKAGE_FOLDER.joinpath(*package.split(".")[1:])
    return {p.stem: p for p in sorted(folder.glob("*.py")) if not p.stem.startswith("_")}


def _user_files(kind: str) -> dict[str, Path]:
    folder = _user_path(KINDS[kind][1])
    found = folder.glob("*.py") if _adopted is None else map(Path, _adopted.sources)
    return {p.stem: p for p in sorted(found) if p.parent == folder and not p.stem.startswith("_")}


def _user_path(name: str) -> Path:
    """A path as it is meant where the user stands, absolute."""
    return Path(os.path.abspath(os.path.join(_adopted.folder, name) if _adopted else name))


def list_plugins(kind: str) -> dict[str, str]:
    """Name -> one line (the first of the class's docstring) without importing anything."""
    found: dict[str, str] = {}
    for files in (_builtin_files(kind), _user_files(kind)):
        for stem, path in files.items():
            found.setdefault(stem, _first_line(path, camel_case(stem)))
    for point in entry_points(group=f"vitnas.{KINDS[kind][1]}"):
        found.setdefault(_stem(point.name), f"from {point.value}")
    separator = "-" if kind in ("strategy", "runtime") else "_"
    return {stem.replace("_", separator): line for stem, line in sorted(found.items())}


def _first_line(path: Path, class_name: str) -> str:
    for node in ast.parse(_text(path)).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return (ast.get_docstring(node) or "").split("\n")[0]
    return ""


def plugin_file(kind: str, name: str) -> Path | None:
    """The source file of a plugin, if it is a file of ours, of the user's folder or a path."""
    if name.endswith(".py"):
        return Path(name) if _adopted is None else _user_path(name)
    return _builtin_files(kind).get(_stem(name)) or _user_files(kind).get(_stem(name))


def load_plugin(kind: str, name: str) -> Any:
    """The class of an operator, proxy or strategy.

    Raises:
        UnknownName: nothing of that name.
        InvalidInput: the file does not define the class that its name asks for.
    """
    stem = _stem(name)
    if not name.endswith(".py") and stem in _builtin_files(kind):
        return _class_of(importlib.import_module(f"{KINDS[kind][0]}.{stem}"), stem)
    path = plugin_file(kind, name)
    if path is not None:
        if not (path.is_file() or _is_adopted(path)):
            raise UnknownName(f"no such {kind} file: '{name}'")
        return _class_of(_import_file(kind, path), path.stem)
    for point in entry_points(group=f"vitnas.{KINDS[kind][1]}"):
        if _stem(point.name) == stem:
            return point.load()
    raise unknown(kind, name, list_plugins(kind))


def _class_of(module: ModuleType, stem: str) -> Any:
    try:
        return getattr(module, camel_case(stem))
    except AttributeError:
        raise InvalidInput(f"{module.__file__} must define the class '{camel_case(stem)}'") from None


def _import_file(kind: str, path: Path) -> ModuleType:
    _loaded.add(Path(os.path.abspath(path)))
    name = f"vitnas_user_{KINDS[kind][1]}_{path.stem}"
    place = path if _is_adopted(path) else path.resolve()
    if name in sys.modules and sys.modules[name].__file__ == str(place):
        return sys.modules[name]
    loader = _AdoptedLoader(place) if _is_adopted(path) else None
    spec = importlib.util.spec_from_file_location(name, place, loader=loader)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def user_files() -> UserFiles:
    """The plugins of the user's folders, and those that were loaded by their path."""
    paths = {path for kind in KINDS for path in _user_files(kind).values()}
    return UserFiles(os.getcwd(), {str(path): _text(path) for path in sorted(paths | _loaded)})


def adopt(files: UserFiles) -> None:
    """In a worker: the user's files are those of the driver from now on."""
    global _adopted
    _adopted = files


def _is_adopted(path: Path) -> bool:
    return _adopted is not None and str(path) in _adopted.sources


def _text(path: Path) -> str:
    adopted = _adopted.sources if _adopted else {}
    return adopted[str(path)] if str(path) in adopted else path.read_text(encoding="utf-8")


class _AdoptedLoader(InspectLoader):
    """Loads a module from the text of a file that is on another machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_source(self, fullname: str) -> str:
        """The module's text, also for tracebacks."""
        return _text(self.path)

    def is_package(self, fullname: str) -> bool:
        """It never is."""
        return False
