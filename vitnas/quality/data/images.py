"""Real images for proxies: a folder or an ``.npz`` file; a few are drawn, resized and normalised."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vitnas.errors import InvalidData, InvalidInput
from vitnas.formats.npz_arrays import open_npz
from vitnas.formats.pictures import SUFFIXES, decode_picture
from vitnas.formats.resolution import Resolution, sides_px

KEYS = ("x", "x_train", "images")
CHANNELS = (1, 3)


class Images:
    """Images of one source, read when they are drawn.

    Args:
        source: folder or file, for messages.
        count: how many there are.
        read: the image of a number below ``count`` as (C, H, W), of any size.
        fingerprint: changes when the images do.
    """

    def __init__(self, source: str, count: int, read: Callable[[int, int], Tensor], fingerprint: str) -> None:
        self.source = source
        self.count = count
        self.fingerprint = fingerprint
        self._read = read
        self._drawn: dict[tuple[int, int, Resolution, int], Tensor] = {}  # the last draws: a worker needs few

    def draw(self, batch: int, channels: int, resolution_px: Resolution, seed: int) -> Tensor:
        """Different images (B, C, H, W), float32; equal seeds give equal ones.

        They are resized (bilinear, antialiased; the sides' ratio is not kept), then every channel
        is brought to mean 0 and standard deviation 1 over the batch. So they have the scale of the Gaussian
        images that they replace, whatever the data set: scores that read an absolute scale stay comparable.

        Raises:
            InvalidInput: there are fewer than ``batch``, or they have other channels.
        """
        key = (batch, channels, resolution_px, seed)
        if key not in self._drawn:
            if len(self._drawn) >= 8:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[key] = self._draw(*key)
        return self._drawn[key].clone()

    def _draw(self, batch: int, channels: int, resolution_px: Resolution, seed: int) -> Tensor:
        if batch > self.count:
            raise InvalidInput(f"{self.source}: {self.count} images are too few for a batch of {batch}")
        chosen = np.random.default_rng(seed).choice(self.count, size=batch, replace=False)
        resized = []
        for number in chosen.tolist():
            image = self._read(number, channels)
            if not torch.isfinite(image).all():
                raise InvalidData(f"{self.source}: image {number} holds values that are not finite")
            if image.shape[0] != channels:
                raise InvalidInput(
                    f"{self.source}: its images have {image.shape[0]} channels, the network takes {channels}"
                )
            size = sides_px(resolution_px)
            resized.append(F.interpolate(image[None], size=size, mode="bilinear", antialias=True))
        stacked = torch.cat(resized)
        spread, mean = torch.std_mean(stacked, dim=(0, 2, 3), keepdim=True, correction=0)
        return (stacked - mean) / spread.clamp_min(1e-6)


def load_images(path: str | Path) -> Images:
    """Images of a folder (searched recursively) or an ``.npz`` file.

    The file has an array ``x``, ``x_train`` or ``images``, (N, H, W, C) or (N, C, H, W), of whole numbers or
    floats; or JPEG files end to end in ``jpeg_train``, cut at ``offset_train`` (N + 1).

    Raises:
        InvalidInput: there is no such path, or no image in it.
        InvalidData: the file does not hold what it should.
    """
    place = Path(path)
    if not place.exists():
        raise InvalidInput(f"{place}: no such folder or file of images")
    stat = place.stat()
    return _loaded(str(place), stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=2)
def _loaded(path: str, modified_ns: int, size: int) -> Images:
    """Once a process: workers get the path with every task."""
    place = Path(path)
    return _from_folder(place) if place.is_dir() else _from_npz(place)


def _from_folder(folder: Path) -> Images:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise InvalidInput(f"{folder}: no images in this folder (looked for {', '.join(SUFFIXES)})")
    listed = "\n".join(f"{p.relative_to(folder).as_posix()} {p.stat().st_size}" for p in files)

    def read(number: int, channels: int) -> Tensor:
        return _decoded(files[number].read_bytes(), channels, str(files[number]))

    return Images(str(folder), len(files), read, short_hash(listed.encode()))


def _from_npz(file: Path) -> Images:
    with open_npz(file) as arrays:
        if "jpeg_train" in arrays and "offset_train" in arrays:
            return _from_jpegs(file, arrays["jpeg_train"], arrays["offset_train"])
        key = next((key for key in KEYS if key in arrays), None)
        if key is None:
            raise InvalidData(
                f"{file}: expected an array {', '.join(KEYS)}, or jpeg_train with offset_train; "
                f"got {', '.join(arrays.names) or 'no named array'}"
            )
        x = channels_first(file, key, arrays[key])

    def read(number: int, channels: int) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(x[number], dtype=np.float32))

    return Images(str(file), len(x), read, short_hash(repr(x.shape).encode(), np.ascontiguousarray(x)))


def channels_first(file: Path, key: str, x: NDArray[Any]) -> NDArray[Any]:
    """(N, H, W, C) or (N, C, H, W) as the latter.

    Raises:
        InvalidData: it is neither.
    """
    numbers = x.dtype.kind in "uif"
    if numbers and x.ndim == 4 and len(x):
        if x.shape[3] in CHANNELS:
            return x.transpose(0, 3, 1, 2)
        if x.shape[1] in CHANNELS:
            return x
    raise InvalidData(
        f"{file}: {key}: expected (N, H, W, 3) or (N, 3, H, W) numbers (or 1 channel), "
        f"got {tuple(x.shape)} of {x.dtype}"
    )


def check_jpegs(file: Path, joined: NDArray[Any], offsets: NDArray[Any]) -> None:
    """Whether JPEG files end to end (bytes,) can be cut at offsets (N + 1,).

    Raises:
        InvalidData: they cannot; says what was expected.
    """
    whole = joined.dtype == np.uint8 and joined.ndim == 1 and offsets.ndim == 1 and offsets.dtype.kind in "ui"
    if not (whole and len(offsets) > 1 and offsets[0] >= 0 and offsets[-1] <= len(joined)):
        raise InvalidData(
            f"{file}: expected jpeg_train (bytes,) of uint8 and offset_train (N + 1,) within it, "
            f"got {joined.shape} of {joined.dtype} and {offsets.shape} of {offsets.dtype}"
        )
    if (offsets[1:] <= offsets[:-1]).any():
        raise InvalidData(f"{file}: offset_train: every offset must be larger than the one before it")


def _from_jpegs(file: Path, joined: NDArray[Any], offsets: NDArray[Any]) -> Images:
    check_jpegs(file, joined, offsets)

    def read(number: int, channels: int) -> Tensor:
        start, end = int(offsets[number]), int(offsets[number + 1])
        return _decoded(joined[start:end].tobytes(), channels, f"{file}, image {number}")

    return Images(str(file), len(offsets) - 1, read, short_hash(joined, offsets))


def _decoded(encoded: bytes, channels: int, where: str) -> Tensor:
    """An image file as (C, H, W), grey or coloured as the network wants it."""
    image = decode_picture(encoded, {1: "L", 3: "RGB"}.get(channels), where)
    pixels = np.asarray(image, dtype=np.float32)
    return torch.from_numpy(np.atleast_3d(pixels).transpose(2, 0, 1).copy())


def short_hash(*parts: bytes | NDArray[Any]) -> str:
    """Sixteen hexadecimal digits of bytes and arrays."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
    return found.hexdigest()[:16]
