"""Labelled images to train on: a folder or an ``.npz`` file, with a part held out for validation.

What is called test is never opened: a search that looks at it would choose by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData, InvalidInput
from vitnas.formats.npz_arrays import Npz, open_npz
from vitnas.formats.pictures import SUFFIXES
from vitnas.quality.data.images import channels_first, check_jpegs, short_hash

Reader = Callable[[int], bytes | NDArray[Any]]  # an encoded image, or pixels (C, H, W)
HELD_OUT = 5000  # of a file of JPEGs: the last ones, a tenth at most
MOST_CLASSES = 1_000_000
VALIDATION = ("val", "validation", "valid")


@dataclass(frozen=True)
class Split:
    """Images with labels.

    Attributes:
        read: the image of a number below ``len(labels)``.
        labels: (N,) whole numbers from 0.
        name: of an image, for messages.
    """

    read: Reader
    labels: NDArray[np.int64]
    name: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, numbers: NDArray[np.int64]) -> Split:
        """Some of the images."""
        own = numbers.tolist()
        return Split(lambda k: self.read(own[k]), self.labels[numbers], lambda k: self.name(own[k]))


@dataclass(frozen=True)
class Dataset:
    """Images to train on and others to judge by.

    Attributes:
        source: folder or file.
        classes: how many.
        train, validation: its parts.
        held_out: where the validation images come from, in a few words.
        fingerprint: changes when the images or labels do.
    """

    source: str
    classes: int
    train: Split
    validation: Split
    held_out: str
    fingerprint: str


def load_dataset(path: str | Path) -> Dataset:
    """Labelled images of a folder or an ``.npz`` file.

    A folder holds CLASS/*.jpg, of which a tenth of each class is held out (those whose names hash lowest);
    or train/CLASS/*.jpg, beside val/CLASS/*.jpg or else a tenth of it. A file has arrays ``x_train``,
    (N, H, W, C) or (N, C, H, W), and ``y_train`` (N,), beside ``x_val`` and ``y_val`` or else a fixed random
    tenth; or JPEG files end to end in ``jpeg_train``, cut at ``offset_train`` (N + 1), with ``y_train``, of
    which the last 5,000 (a tenth at most) are held out.

    Raises:
        InvalidInput: there is no such path, or a folder without classes.
        InvalidData: a file does not hold what it should.
    """
    place = Path(path)
    if not place.exists():
        raise InvalidInput(f"`data`: no such folder or file: {place}")
    found = _from_folder(place) if place.is_dir() else _from_npz(place)
    if found.classes < 2:
        raise InvalidData(f"{place}: images of one class alone; there is nothing to tell apart")
    return found


def _from_folder(root: Path) -> Dataset:
    top = root / "train" if (root / "train").is_dir() else root
    validation = next((root / name for name in VALIDATION if (root / name).is_dir()), None)
    other = validation or (root / "test" if (root / "test").is_dir() else None)
    if top == root and other is not None:
        raise InvalidInput(f"{root}: has {other.name}/ but no train/; name the folder that holds both")
    classes = _classes(top)
    files = [_files(top / name) for name in classes]
    _check_classes(top, classes, files)
    if validation is not None:
        held_out = f"{validation.name}/"
        strange = sorted(set(_classes(validation)) - set(classes))
        if strange:
            raise InvalidData(f"{validation}: class '{strange[0]}' is not in {top}")
        held = [_files(validation / name) for name in classes]
        if not any(held):
            raise InvalidData(f"{validation}: no images in it (expected CLASS/*.jpg)")
    else:
        held_out = "a tenth of each class"
        split = [_held_out(own) for own in files]
        files, held = [kept for kept, _ in split], [out for _, out in split]
    listed = [f"{p.relative_to(root).as_posix()} {p.stat().st_size}" for own in (*files, *held) for p in own]
    fingerprint = short_hash("\n".join(listed).encode())
    return Dataset(str(root), len(classes), _of_files(files), _of_files(held), held_out, fingerprint)


def _classes(folder: Path) -> list[str]:
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not found:
        raise InvalidInput(f"{folder}: no classes in it (expected CLASS/*.jpg, or train/CLASS/*.jpg)")
    return found


def _check_classes(top: Path, classes: Sequence[str], files: Sequence[list[Path]]) -> None:
    for name, own in zip(classes, files, strict=True):
        if len(own) < 2:
            number = "no image" if not own else "one image"
            raise InvalidData(
                f"{top / name}: {number} of this class (looked for {', '.join(SUFFIXES)}); a class needs two"
            )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _held_out(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """The files of a class to train on, and a tenth of them, at least one, for validation.

    By a hash of their names: files that are added later move few from one part to the other.
    """
    ordered = sorted(files, key=lambda p: hashlib.sha256(p.name.encode()).digest())
    count = max(1, len(files) // 10)
    return sorted(ordered[count:]), sorted(ordered[:count])


def _of_files(by_class: Sequence[list[Path]]) -> Split:
    files = [p for own in by_class for p in own]
    labels = np.repeat(np.arange(len(by_class)), [len(own) for own in by_class])
    return Split(lambda k: files[k].read_bytes(), labels, lambda k: str(files[k]))


def _from_npz(file: Path) -> Dataset:
    with open_npz(file) as data:
        return _of_npz(file, data)


def _of_npz(file: Path, data: Npz) -> Dataset:
    """The parts of an open file; arrays are read when they are named, and those of test never are."""
    if "jpeg_train" in data and "offset_train" in data:
        whole, parts = _jpegs(file, data)
        held = min(HELD_OUT, len(whole) // 10)
        kept, out = np.split(np.arange(len(whole)), [len(whole) - held])
        return _divided(file, data, whole, kept, out, f"the last {held:,} of train", parts)
    if "x_train" not in data:
        raise InvalidData(
            f"{file}: expected x_train and y_train, or jpeg_train, offset_train and y_train; "
            f"got {', '.join(data.names) or 'no named array'}"
        )
    whole, parts = _pixels(file, data, "train")
    name = next((name for name in VALIDATION if f"x_{name}" in data), None)
    if name is not None:
        validation, more = _pixels(file, data, name)
        classes = _count(file, data, whole, validation)
        return Dataset(str(file), classes, whole, validation, f"x_{name}", short_hash(*parts, *more))
    order, held = np.random.default_rng(0).permutation(len(whole)), len(whole) // 10
    kept, out = np.sort(order[held:]), np.sort(order[:held])
    return _divided(file, data, whole, kept, out, "a random tenth of train", parts)


def _divided(
    file: Path,
    data: Npz,
    whole: Split,
    kept: NDArray[np.int64],
    out: NDArray[np.int64],
    held_out: str,
    parts: Sequence[NDArray[Any]],
) -> Dataset:
    if not len(out):
        raise InvalidData(f"{file}: {len(whole)} images are too few to hold a tenth out for validation")
    classes = _count(file, data, whole)
    return Dataset(str(file), classes, whole.take(kept), whole.take(out), held_out, short_hash(*parts))


def _jpegs(file: Path, data: Npz) -> tuple[Split, list[NDArray[Any]]]:
    joined, offsets = data["jpeg_train"], data["offset_train"]
    check_jpegs(file, joined, offsets)
    labels = _labels(file, data, "y_train", len(offsets) - 1)

    def read(number: int) -> bytes:
        return joined[int(offsets[number]) : int(offsets[number + 1])].tobytes()

    return Split(read, labels, lambda k: f"{file}, image {k}"), [joined, offsets, labels]


def _pixels(file: Path, data: Npz, name: str) -> tuple[Split, list[NDArray[Any]]]:
    x = channels_first(file, f"x_{name}", data[f"x_{name}"])
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise InvalidData(f"{file}: x_{name} holds values that are not finite")
    labels = _labels(file, data, f"y_{name}", len(x))

    def read(number: int) -> NDArray[Any]:
        pixels: NDArray[Any] = x[number]
        return pixels

    return Split(read, labels, lambda k: f"{file}, image {k} of x_{name}"), [x, labels]


def _labels(file: Path, data: Npz, key: str, count: int) -> NDArray[np.int64]:
    y = data[key]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "ui" or len(y) != count:
        raise InvalidData(
            f"{file}: {key}: expected {count} whole numbers (class of each image), "
            f"got {tuple(y.shape)} of {y.dtype}"
        )
    if len(y) and int(y.min()) < 0:
        raise InvalidData(f"{file}: {key}: a class of {int(y.min())}; classes are numbered from 0")
    if len(y) and int(y.max()) >= MOST_CLASSES:
        raise InvalidData(f"{file}: {key}: a class of {int(y.max())}; classes are numbered from 0 on")
    return y.astype(np.int64)


def _count(file: Path, data: Npz, *splits: Split) -> int:
    """Classes: those that the file names, or as many as its labels number."""
    largest = max(int(split.labels.max()) if len(split) else -1 for split in splits)
    if "classes" not in data:
        return largest + 1
    named = len(np.atleast_1d(data["classes"]))
    if largest >= named:
        raise InvalidData(f"{file}: y_train: class {largest}, but 'classes' names {named} (0 to {named - 1})")
    return named
