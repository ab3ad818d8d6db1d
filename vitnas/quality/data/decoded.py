"""Images of a data set as arrays on disk: decoded once, mapped into the memory of whoever trains on them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vitnas.errors import InvalidInput, RunError
from vitnas.formats.json_text import read_json
from vitnas.formats.npz_arrays import read_npy
from vitnas.formats.pictures import decode_picture
from vitnas.formats.resolution import Resolution, as_scalar, pixels, sides_px
from vitnas.quality.data.dataset import Dataset, Split

CHUNK = 512  # images that are decoded together
FACTS = "facts.json"
TRIED_PX = 32


@dataclass(frozen=True)
class Decoded:
    """Images (N, C, H, W) with labels (N,), mapped from files; uint8 where they were whole numbers.

    Attributes:
        mean, spread: of each channel of the training images (C,).
        classes: how many.
    """

    train: NDArray[Any]
    train_labels: NDArray[np.int64]
    validation: NDArray[Any]
    validation_labels: NDArray[np.int64]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    classes: int


def decode(
    dataset: Dataset,
    parent: Path,
    resolution_px: Resolution,
    channels: int,
    done: Callable[[int, int], None] | None = None,
) -> Path:
    """The folder under ``parent`` with the decoded images; made where it is not there yet.

    An image is cropped in the middle to the wanted ratio of its sides and resized (bilinear, antialiased).

    Args:
        dataset: what to decode.
        parent: folder, made if needed.
        resolution_px: of the decoded images.
        channels: 3 or 1; grey images are repeated for 3.
        done: called with the number of decoded images, and how many there are.

    Raises:
        InvalidData: an image cannot be read; names it.
        InvalidInput: the images have other channels.
        RunError: the folder cannot be written.
    """
    folder = parent / f"images-{dataset.fingerprint}-{as_scalar(resolution_px)}px-{channels}c"
    if (folder / FACTS).is_file():
        return folder
    part = folder.with_suffix(".part")
    total = len(dataset.train) + len(dataset.validation)
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        mean, spread = _write(dataset.train, part / "train", resolution_px, channels, 0, total, done)
        first = len(dataset.train)
        _write(dataset.validation, part / "validation", resolution_px, channels, first, total, done)
        facts = {"mean": mean, "spread": spread, "classes": dataset.classes}
        (part / FACTS).write_text(json.dumps(facts))
        os.replace(part, folder)
    except OSError as problem:
        shutil.rmtree(part, ignore_errors=True)
        raise RunError(f"{part}: cannot write the decoded images: {problem.strerror or problem}") from None
    return folder


def try_out(dataset: Dataset, channels: int) -> None:
    """Decode the first images, to see at once whether they can be.

    Raises:
        InvalidData: an image cannot be read; names it.
        InvalidInput: the images have other channels.
    """
    for split in (dataset.train, dataset.validation):
        _fitted(split, 0, TRIED_PX, channels)


def open_decoded(folder: Path) -> Decoded:
    """The images that ``decode`` has written there.

    Raises:
        RunError: they cannot be read.
    """
    try:
        facts = read_json(folder / FACTS, RunError)
        arrays = {
            name: read_npy(folder / f"{name}.npy", RunError, mapped="labels" not in name)
            for name in ("train", "train_labels", "validation", "validation_labels")
        }
        mean, spread = (np.array(facts[name], np.float32) for name in ("mean", "spread"))
        return Decoded(**arrays, mean=mean, spread=spread, classes=int(facts["classes"]))
    except (RunError, KeyError, TypeError, ValueError) as problem:
        raise RunError(
            f"{folder}: cannot read the decoded images ({problem}); workers need to see the run folder"
        ) from None


def _write(
    split: Split,
    stem: Path,
    resolution_px: Resolution,
    channels: int,
    before: int,
    total: int,
    done: Callable[[int, int], None] | None,
) -> tuple[list[float], list[float]]:
    """Write images and labels of a split; mean and standard deviation of each channel."""
    first = _fitted(split, 0, resolution_px, channels)
    shape = (len(split), *first.shape)
    out = np.lib.format.open_memmap(f"{stem}.npy", mode="w+", dtype=first.dtype, shape=shape)
    sums, squares = np.zeros(channels), np.zeros(channels)
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(split), CHUNK):
            numbers = range(start, min(start + CHUNK, len(split)))
            chunk = np.stack(list(pool.map(lambda k: _fitted(split, k, resolution_px, channels), numbers)))
            out[start : start + len(chunk)] = chunk
            values = chunk.astype(np.float64)
            sums += values.sum(axis=(0, 2, 3))
            squares += (values**2).sum(axis=(0, 2, 3))
            if done is not None:
                done(before + start + len(chunk), total)
    out.flush()
    np.save(f"{stem}_labels.npy", split.labels)
    count = len(split) * pixels(resolution_px)
    mean = sums / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
    return mean.tolist(), spread.tolist()


def _fitted(split: Split, number: int, resolution_px: Resolution, channels: int) -> NDArray[Any]:
    """One image (C, H, W)."""
    found = split.read(number)
    if isinstance(found, bytes):
        return _from_bytes(found, resolution_px, channels, split.name(number))
    if found.shape[0] == 1 and channels == 3:
        found = np.repeat(found, 3, axis=0)
    if found.shape[0] != channels:
        raise InvalidInput(
            f"{split.name(number)}: {found.shape[0]} channels, the space's networks take {channels}"
        )
    wanted = sides_px(resolution_px)
    cropped = _cropped(found, *wanted)
    if cropped.shape[1:] == wanted and cropped.dtype == np.uint8:
        return np.ascontiguousarray(cropped)
    values = torch.from_numpy(np.ascontiguousarray(cropped, dtype=np.float32))[None]
    resized = F.interpolate(values, size=wanted, mode="bilinear", antialias=True)[0].numpy()
    return resized.round().clip(0, 255).astype(np.uint8) if found.dtype == np.uint8 else resized


def _cropped(image: NDArray[Any], high: int, wide: int) -> NDArray[Any]:
    """The largest part in the middle of an image (C, H, W) whose sides have this ratio."""
    height, width = image.shape[1:]
    if height * wide < width * high:
        part = (height, max(round(height * wide / high), 1))
    else:
        part = (max(round(width * high / wide), 1), width)
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    return image[:, top : top + part[0], left : left + part[1]]


def _from_bytes(encoded: bytes, resolution_px: Resolution, channels: int, where: str) -> NDArray[Any]:
    if channels not in (1, 3):
        raise InvalidInput(f"{where}: images have 1 or 3 channels, the space's networks take {channels}")
    image = decode_picture(encoded, "L" if channels == 1 else "RGB", where)
    from PIL import Image, ImageOps

    height, width = sides_px(resolution_px)
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return np.atleast_3d(np.asarray(fitted)).transpose(2, 0, 1)
