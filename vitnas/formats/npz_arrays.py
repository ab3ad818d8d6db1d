"""The one reader of ``.npz`` files: an array is read when it is named, and none is larger than it says.

A file may come from anywhere: entries are never unpacked to the disk, arrays of Python objects are refused,
and memory is taken only after an array's header was found to agree with its size in the archive.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData, VitnasError
from vitnas.formats.refusing import refusing

_SUFFIX = ".npy"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Npz:
    """The arrays of an open file, by name.

    Args:
        file: for messages.
        archive: open.
        error: what to raise.
    """

    def __init__(self, file: str, archive: zipfile.ZipFile, error: type[VitnasError]) -> None:
        self.file = file
        self._archive = archive
        self._error = error
        entries = [info for info in archive.infolist() if info.filename.endswith(_SUFFIX)]
        self._entries = {info.filename.removesuffix(_SUFFIX): info for info in entries}
        if len(self._entries) < len(entries):
            raise error(f"{file}: an array stands in it twice")

    @property
    def names(self) -> list[str]:
        """Of the arrays."""
        return sorted(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Read an array.

        Raises:
            VitnasError: (``error``) there is none, or it is damaged, of objects or larger than the memory.
        """
        if name not in self._entries:
            raise self._error(f"{self.file}: {name} is missing (got {', '.join(self.names) or 'no array'})")
        info = self._entries[name]
        with refusing(f"{self.file}: {name}", "cannot be read", self._error):
            with self._archive.open(info) as entry:
                self._check(entry, name, info.file_size)
            with self._archive.open(info) as entry:
                array: NDArray[Any] = np.lib.format.read_array(entry, allow_pickle=False)
                if entry.read(1):  # reads to the end, which checks the checksum
                    raise self._error(f"{self.file}: {name}: holds more than its array")
                return array

    def _check(self, entry: Any, name: str, size: int) -> None:
        """Whether the array that a header announces is the one that is there, and fits."""
        version = np.lib.format.read_magic(entry)
        if version not in _HEADERS:
            raise self._error(f"{self.file}: {name}: version {version} of the format is not one we read")
        shape, _, dtype = _HEADERS[version](entry)
        if dtype.hasobject:
            raise self._error(f"{self.file}: {name}: holds Python objects, which are never loaded")
        count = 1
        for side in shape:
            count *= side
        if min(shape, default=0) < 0 or count * dtype.itemsize != size - entry.tell():
            raise self._error(f"{self.file}: {name}: its header says {shape} of {dtype}, its size another")
        if size > _memory():
            raise self._error(
                f"{self.file}: {name}: takes {size / 2**30:.0f} GiB, more than this machine's memory"
            )


@contextlib.contextmanager
def open_npz(path: str | Path, error: type[VitnasError] = InvalidData) -> Iterator[Npz]:
    """Open a file; its arrays are read when they are named.

    Raises:
        VitnasError: (``error``) it is no such file, or damaged.
    """
    with contextlib.ExitStack() as held:
        with refusing(path, "not a readable .npz file", error):
            file = held.enter_context(open(path, "rb"))
            if file.read(6) == b"\x93NUMPY":
                raise error(f"{path}: one array; expected an .npz file of arrays with names")
            archive = held.enter_context(zipfile.ZipFile(file))
            arrays = Npz(str(path), archive, error)
        yield arrays


def read_npz(path: str | Path, error: type[VitnasError] = InvalidData) -> dict[str, NDArray[Any]]:
    """All arrays of a file; see `open_npz`."""
    with open_npz(path, error) as kept:
        return {name: kept[name] for name in kept.names}


def read_npy(path: str | Path, error: type[VitnasError], *, mapped: bool = False) -> NDArray[Any]:
    """The array of a ``.npy`` file.

    Args:
        path: of the file.
        error: what to raise.
        mapped: map it into memory.

    Raises:
        VitnasError: (``error``) it is no such file, or holds objects.
    """
    with refusing(path, "cannot be read as .npy", error):
        return np.asanyarray(np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False))


def _memory() -> int:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # where nobody can say
        return 1 << 40
