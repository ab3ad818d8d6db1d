"""What a check of proxies is asked for, and the labelled rows that it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.bench.task import Draws
from vitnas.check.agreement import MIN_ROWS
from vitnas.check.scores import COUNTS
from vitnas.errors import InvalidData, InvalidInput, unknown
from vitnas.quality.combined import COMBINATIONS
from vitnas.quality.proxy import ProxyQuality
from vitnas.quality.shape import stratified
from vitnas.space.files import load_space
from vitnas.space.rows import Rows, read_rows
from vitnas.space.space import Space


@dataclass(frozen=True)
class CheckSettings:
    """What is checked.

    Attributes:
        space: name or file.
        truth: table of architectures with labels, see `vitnas.space.rows`.
        proxies: names; several with ``+`` between them are one score. Empty for all there are.
        label: column of the table; None for its first label.
        limit: networks to measure, drawn over depth and width; None for all rows.
        bands: of parameters, ``15M-19M,19M-25M``; None for even ones.
        combine: how scores with ``+`` are summed, one of ``COMBINATIONS``.
        draws: seed, repeats, resolution and images of the proxies; the sample is drawn with its seed too.
    """

    space: str
    truth: Path
    proxies: tuple[str, ...] = ()
    label: str | None = None
    limit: int | None = None
    bands: str | None = None
    combine: str = "log-rank"
    draws: Draws = field(default_factory=Draws)


@dataclass(frozen=True)
class Truth:
    """The rows that have a label, and what is drawn of them.

    Attributes:
        unlabelled: rows of the space without this label.
        sample: (m,) positions of the rows that proxies are measured on.
    """

    space: Space
    rows: Rows
    label: str
    labels: NDArray[np.float64]
    unlabelled: int
    kept: NDArray[np.intp]
    sample: NDArray[np.intp]

    @property
    def genomes(self) -> NDArray[np.uint8]:
        """Of the labelled rows."""
        return self.rows.genomes[self.kept]

    @property
    def groups(self) -> tuple[str, ...]:
        """Of the labelled rows."""
        return tuple(self.rows.groups[k] for k in self.kept)


def read_proxies(settings: CheckSettings) -> dict[str, tuple[str, ...]]:
    """Name -> members of every score that is asked for.

    Raises:
        UnknownName: none of ours; suggests the closest one.
        InvalidInput: a sum of a score with itself.
    """
    if settings.combine not in COMBINATIONS:
        raise unknown("combination", settings.combine, COMBINATIONS, where="`combine`")
    known = plugins.list_plugins("proxy")
    asked: dict[str, tuple[str, ...]] = {}
    plugins.ask(*settings.proxies)
    for name in settings.proxies or known:
        members = tuple(part.strip() for part in name.split("+"))
        if len(members) == 1 and members[0] in COUNTS:
            continue  # they stand beside every check
        for member in members:
            if member in COUNTS:
                continue
            if member not in known and not member.endswith(".py"):
                raise unknown("proxy", member, known, where="`proxies`")
            ProxyQuality(member)
        if len(set(members)) < len(members):
            raise InvalidInput(f"`proxies` {name}: names a score twice")
        asked["+".join(members)] = members
    return asked


def read_truth(settings: CheckSettings) -> Truth:
    """The labelled rows, and the sample.

    Raises:
        InvalidData: the table is wrong, or too few of its rows have the label.
    """
    space = load_space(settings.space)
    rows = read_rows(settings.truth, space)
    if not rows.labels:
        raise InvalidData(f"{rows.source}: no column of it holds labels of space '{space.name}'")
    label = settings.label or rows.labels[0]
    labels = rows.values(label)
    kept = np.flatnonzero(np.isfinite(labels))
    if len(kept) < MIN_ROWS:
        raise InvalidData(
            f"{rows.source}: {len(kept)} rows of space '{space.name}' have a '{label}'; "
            f"a rank correlation takes {MIN_ROWS} at least"
        )
    groups = tuple(rows.groups[k] for k in kept)
    sample = np.arange(len(kept))
    if settings.limit is not None:
        if settings.limit < MIN_ROWS:
            raise InvalidInput(f"`limit` {settings.limit}: a rank correlation takes {MIN_ROWS} at least")
        rng = np.random.default_rng(settings.draws.seed)
        sample = stratified(space, rows.genomes[kept], groups, settings.limit, rng)
    return Truth(space, rows, label, labels[kept], len(rows) - len(kept), kept, sample)
