"""Cost tables on disk, under a name that hashes all they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vitnas import plugins
from vitnas.errors import RunError
from vitnas.space.lookup import Column
from vitnas.store.disk import atomic_write_npz, make_folder, sweep

if TYPE_CHECKING:
    from vitnas.cost.priced import Figures
    from vitnas.space.space import Space

FORMAT = 2
LONGEST_NAME = 60  # of the devices, in a file's name


def folder() -> Path | None:
    """``$VITNAS_CACHE``, or the platform's cache folder; None for a user without a home.

    A variable that is empty counts as not set, and so does a relative ``XDG_CACHE_HOME``.
    """
    if own := os.environ.get("VITNAS_CACHE", "").strip():
        return Path(own)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "vitnas"
    if (shared := os.environ.get("XDG_CACHE_HOME")) and Path(shared).is_absolute():
        return Path(shared) / "vitnas"
    try:
        home = Path.home()
    except RuntimeError:  # neither $HOME nor an entry of the password database
        return None
    return home / ".cache" / "vitnas" if home.is_absolute() else None


def path_of(space: Space, figures: Figures) -> Path | None:
    """Where the table of a space and its figures is kept.

    None where what it depends on cannot be known, or there is no cache.

    The name hashes the space's structure, all code that its operators depend on, the source of the tracer and
    of the devices' pricing, what their prices depend on, their order, the counts and the version of torch.
    """
    devices, code, own = figures.timed, code_of(space), folder()
    if code is None or own is None:
        return None
    versions = f"torch {version('torch')} python {sys.version_info[:2]}"
    digest = hashlib.sha256(f"{FORMAT} {space.hash} {versions} {figures.counts} {code}".encode())
    for path in sorted(_sources(priced=bool(devices))):
        digest.update(path.read_bytes())
    digest.update(json.dumps([device.fingerprint for device in devices]).encode())
    name = "+".join(device.name for device in devices)[:LONGEST_NAME] or "no-device"
    return own / "tables" / f"{space.name}-{name}-{digest.hexdigest()[:20]}.npz"


def _sources(*, priced: bool) -> set[Path]:
    package = Path(__file__).parents[1]
    rooms = ("cost", "arch", "space", "ops", *(["hardware"] if priced else []))
    return {path for room in rooms for path in package.joinpath(room).rglob("*.py")} | {
        package / "figures.py"
    }


def code_of(space: Space) -> str | None:
    """A digest of the operators of a space that are not ours; None where it cannot be known."""
    hashes = {op: plugins.code_hash("operator", op) for op in foreign_operators(space)}
    return None if None in hashes.values() else json.dumps(hashes)


def foreign_operators(space: Space) -> list[str]:
    """The operators of a space that are not ours."""
    return [op for op in space.operators if not plugins.is_shipped("operator", op)]


def load(path: Path | None) -> list[Column] | None:
    """The columns of a kept table; None if there is none or it cannot be read."""
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            sizes, genes, shapes, values = kept["sizes"], kept["genes"], kept["shapes"], kept["values"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    columns, gene, row = [], 0, 0
    for count in sizes:
        shape = tuple(int(n) for n in shapes[gene : gene + count])
        entries = int(np.prod(shape)) if count else 1
        own = tuple(int(g) for g in genes[gene : gene + count])
        columns.append(Column(own, shape, values[row : row + entries]))
        gene, row = gene + int(count), row + entries
    return columns


def save(path: Path | None, columns: list[Column]) -> None:
    """Keep a table; a cache that cannot be written is a warning."""
    if path is None:
        return
    arrays = {
        "sizes": np.array([len(c.genes) for c in columns], np.int64),
        "genes": np.array([g for c in columns for g in c.genes], np.int64),
        "shapes": np.array([n for c in columns for n in c.shape], np.int64),
        "values": np.concatenate([c.values for c in columns]),
    }
    try:
        make_folder(path.parent)
        sweep(path.parent)
        atomic_write_npz(path, arrays)
    except RunError as problem:
        warnings.warn(f"the costs of blocks are not kept: {problem}", stacklevel=2)


def drop(path: Path | None) -> None:
    """Forget a kept table."""
    with contextlib.suppress(OSError):
        if path is not None:
            path.unlink(missing_ok=True)
