"""Where plug-ins, spaces and devices are: the user's own folder, this package, other packages."""

from __future__ import annotations

import functools
import importlib.util
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from multiprocessing import parent_process
from pathlib import Path

from vitnas.errors import InvalidInput, UnknownName, unknown

KINDS = {  # kind: package of ours, the user's folder and the group of entry points
    "operator": ("vitnas.ops", "ops"),
    "proxy": ("vitnas.quality.proxies", "proxies"),
    "quality": ("vitnas.qualities", "qualities"),
    "strategy": ("vitnas.strategies", "strategies"),
    "runtime": ("vitnas.hardware.measure.runtimes", "runtimes"),
}
DATA = {"search_spaces": "space", "hardware_profiles": "device"}
PACKAGE_FOLDER = Path(__file__).parents[1]


@dataclass(frozen=True)
class UserFiles:
    """The user's plug-ins, on their way to workers on other machines.

    Attributes:
        folder: that the user stands in.
        sources: absolute path -> text.
    """

    folder: str
    sources: Mapping[str, str]


_adopted: UserFiles | None = None  # in a worker: they answer, in place of files found there
_told: set[tuple[str, ...]] = set()  # what was said of names that several plug-ins have


def adopt(files: UserFiles) -> None:
    """In a worker: the user's files are those of the driver from now on."""
    global _adopted
    _adopted = files


def is_adopted(path: Path) -> bool:
    """Whether a file is one of the driver's."""
    return _adopted is not None and str(path) in _adopted.sources


def text_of(path: Path) -> str:
    """The text of a file, from the driver if it is one of its files."""
    adopted = _adopted.sources if _adopted else {}
    return adopted[str(path)] if str(path) in adopted else path.read_text(encoding="utf-8")


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
    found = [path for folder in data_folders(kind) for path in folder.glob("*.yaml") if path.stem == name]
    if not found:
        raise unknown(DATA[kind], name, list_data(kind))
    _tell_hidden(DATA[kind], name, found)
    return found[0]


def stem_of(name: str) -> str:
    """``optuna_tpe`` for ``optuna-tpe``, or for a path of such a file."""
    return (Path(name).stem if name.endswith(".py") else name).replace("-", "_")


def camel_case(stem: str) -> str:
    """``conv_ffn`` -> ``ConvFfn``."""
    return "".join(part.capitalize() for part in stem_of(stem).split("_"))


@functools.cache
def shipped_files(kind: str) -> dict[str, Path]:
    """The plug-ins of this package, by stem."""
    folder = PACKAGE_FOLDER.joinpath(*KINDS[kind][0].split(".")[1:])
    return {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}


def own_files(kind: str) -> list[Path]:
    """The plug-ins of the user's folder."""
    folder = _user_path(KINDS[kind][1])
    found = folder.glob("*.py") if _adopted is None else map(Path, _adopted.sources)
    return [p for p in sorted(found) if p.parent == folder and not p.stem.startswith("_")]


def _user_path(name: str) -> Path:
    """A path as it is meant where the user stands, absolute."""
    return Path(os.path.abspath(os.path.join(_adopted.folder, name) if _adopted else name))


@functools.cache  # reading what all installed packages declare takes 10 ms
def packaged(kind: str) -> tuple[EntryPoint, ...]:
    """The plug-ins of other packages."""
    return tuple(sorted(entry_points(group=f"vitnas.{KINDS[kind][1]}"), key=lambda point: point.value))


def place_of(kind: str, name: str) -> Path | EntryPoint | None:
    """Where a plug-in comes from: the first of its name, or the path that the name is.

    Raises:
        InvalidInput: two files of the user's folder, or two packages, have this name.
    """
    if name.endswith(".py"):
        return Path(name) if _adopted is None else _user_path(name)
    stem = stem_of(name)
    own = [path for path in own_files(kind) if stem_of(path.name) == stem]
    shipped = [path for path in [shipped_files(kind).get(stem)] if path is not None]
    points = [point for point in packaged(kind) if stem_of(point.name) == stem]
    found: list[Path | EntryPoint] = [*own, *shipped, *points]
    equal = own or shipped or points
    if len(equal) > 1:
        raise InvalidInput(
            f"{' and '.join(map(shown, equal))} are both the {kind} '{stem}': rename one, or give a path"
        )
    _tell_hidden(kind, stem, found)
    return found[0] if found else None


def standing(kind: str) -> tuple[str, int]:
    """Where the user stands, and when a plug-in was last added to or removed from the folder there."""
    if _adopted is not None:
        return _adopted.folder, id(_adopted)
    try:
        return os.getcwd(), os.stat(KINDS[kind][1]).st_mtime_ns
    except OSError:
        return os.getcwd(), 0


def first_kind(name: str, *kinds: str) -> str | None:
    """Of kinds whose names share a setting, the one that a name is of: the first in the order of look-up."""
    ranked = []
    for kind in kinds:
        place = place_of(kind, name)
        if place is not None:
            rank = 2 if isinstance(place, EntryPoint) else place in shipped_files(kind).values()
            ranked.append((rank, kinds.index(kind), kind, place))
    ranked.sort()
    if len(ranked) > 1:
        _tell_hidden(ranked[1][2], name, [place for *_, place in ranked])
    return ranked[0][2] if ranked else None


def _tell_hidden(kind: str, name: str, found: Sequence[Path | EntryPoint]) -> None:
    """Warn once that others have this name; not for a file of ours that the user stands beside."""
    key = (kind, name, *map(str, found))
    if len(found) < 2 or key in _told or _adopted is not None or parent_process() is not None:
        return
    _told.add(key)
    first, *others = found
    for other in others:
        if isinstance(other, EntryPoint):
            hidden = f"the {kind} '{name}' of {shown(other)}"
        elif isinstance(first, Path) and first.samefile(other):
            continue
        else:
            built_in = "" if other.parents[1] == _user_path(".") else "built-in "
            hidden = f"the {built_in}{kind} '{name}'"
        warnings.warn(f"{shown(first)} is used in place of {hidden}", stacklevel=1)


def plugin_file(kind: str, name: str) -> Path | None:
    """The source file of a plug-in; None where there is none of that name, or no file."""
    place = place_of(kind, name)
    if not isinstance(place, EntryPoint):
        return place
    spec = importlib.util.find_spec(place.module)
    return Path(spec.origin) if spec is not None and spec.origin else None


def shown(place: Path | EntryPoint) -> str:
    """A file as the user would write it, or an entry point with its package."""
    if isinstance(place, EntryPoint):
        return f"{place.value} ({place.dist.name})" if place.dist else place.value
    path = Path(os.path.abspath(place))
    for folder, prefix in ((_user_path("."), "./"), (PACKAGE_FOLDER.parent, "")):
        if path.is_relative_to(folder):
            return prefix + path.relative_to(folder).as_posix()
    return str(path)
