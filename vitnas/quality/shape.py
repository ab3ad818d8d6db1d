"""The shape of networks of a space as plain figures: what scores are held against, and drawn over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitnas.quality.genomes.resources import stage_resources
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

MAX_LEVELS = 8  # depths of a stage that are told apart as categories
MAX_BINS = 4  # of depths, and of widths, that a sample is drawn over


def shape_columns(space: Space, genomes: Genomes) -> NDArray[np.float64]:
    """What a score is regressed on (n, k), of canonical genomes (n, G).

    Of each stage: its depth as categories and as a logarithm, and the logarithms of its width, mean
    expansion and mean attention width (that is, heads), as far as they vary.
    """
    columns = []
    for resource in stage_resources(space):
        amounts = resource.values(genomes)
        if len(amounts) == 0 or np.ptp(amounts) == 0:
            continue
        positive = amounts[amounts > 0]
        offset = 0.0 if amounts.min() > 0 else float(np.median(positive))
        columns.append(np.log(amounts + offset))
        levels = np.unique(amounts)
        if resource.kind == "depth" and len(levels) <= MAX_LEVELS:
            columns += [(amounts == level).astype(np.float64) for level in levels[1:]]
    return np.stack(columns, axis=1) if columns else np.zeros((len(genomes), 0))


def depths_and_widths(space: Space, genomes: Genomes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of blocks (n,), and the sum of their widths (n,)."""
    amounts = {r.name: r.values(genomes) for r in stage_resources(space)}
    depth, total = np.zeros(len(genomes)), np.zeros(len(genomes))
    for name, blocks in amounts.items():
        stage, kind = name.rsplit(".", 1)
        if kind == "depth":
            depth += blocks
            total += blocks * amounts[f"{stage}.width"]
    return depth, total


def stratified(
    space: Space, genomes: Genomes, groups: tuple[str, ...], number: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Positions (number,) of a sample over group x depth x mean width, sorted.

    Every stratum gives its share, the nearest that whole numbers allow, and one at least if there are enough.
    """
    depth, total = depths_and_widths(space, genomes)
    _, group = np.unique(np.array(groups), return_inverse=True)
    keys = np.stack([group, _bins(depth), _bins(total / np.maximum(depth, 1))], axis=1)
    _, strata = np.unique(keys, axis=0, return_inverse=True)
    strata = strata.reshape(-1)
    wanted = _shares(np.bincount(strata), min(number, len(genomes)))
    picked = [rng.permutation(np.flatnonzero(strata == k))[:count] for k, count in enumerate(wanted)]
    return np.sort(np.concatenate(picked))


def _bins(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """The values themselves if they are few, else quarters of about as many rows."""
    values = np.round(values, 6)
    levels = np.unique(values)
    if len(levels) > MAX_BINS:
        levels = np.unique(np.quantile(values, np.arange(MAX_BINS) / MAX_BINS))
    return np.searchsorted(levels, values, side="right")


def _shares(sizes: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """Whole numbers that add up to ``number``, in proportion to ``sizes`` (k,) and not above them."""
    exact = sizes * (number / sizes.sum())
    least = 1 if number >= len(sizes) else 0
    counts: NDArray[np.intp] = np.maximum(np.floor(exact), least).astype(np.intp)
    while counts.sum() != number:
        step = 1 if counts.sum() < number else -1
        room = counts < sizes if step > 0 else counts > 1
        gap = np.where(room, step * (exact - counts), -np.inf)
        counts[int(np.argmax(gap))] += step
    return counts
