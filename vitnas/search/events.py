"""What a running search tells whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.search.config import SearchConfig


@dataclass(frozen=True)
class Snapshot:
    """A moment of the loop.

    Attributes:
        trials: distinct feasible candidates scored; ``target_trials`` of them are wanted.
        seconds: since this process began the loop.
        rate: trials a second in this process.
        objectives: names, in the order of the columns of ``front``.
        front: (k, M) in natural units and signs (quality up, costs down).
        hypervolume: share of the box between the pool's best and worst values that the front dominates.
        random_hypervolume: the same for random search after as many trials; None without that arm.
        published: the space's published networks: name, and values like a row of ``front``.
    """

    trials: int
    target_trials: int
    seconds: float
    rate: float
    objectives: tuple[str, ...]
    front: NDArray[np.float64]
    hypervolume: float
    random_hypervolume: float | None = None
    published: tuple[tuple[str, tuple[float, ...]], ...] = ()


class Listener(Protocol):
    """Watches a search; every method may be called often."""

    def stage(self, name: str, detail: str = "") -> None:
        """A new stage begins."""
        ...

    def count(self, done: int, total: int | None = None) -> None:
        """Progress inside a stage that is not the loop: blocks traced, networks checked."""
        ...

    def snapshot(self, snapshot: Snapshot) -> None:
        """The loop has come this far."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know."""
        ...


class Silent:
    """A listener that does nothing."""

    def stage(self, name: str, detail: str = "") -> None:
        """Ignore."""

    def count(self, done: int, total: int | None = None) -> None:
        """Ignore."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """Ignore."""

    def warn(self, text: str) -> None:
        """Ignore."""


@dataclass(frozen=True)
class Member:
    """A network of the front, or a published one scored in the same run.

    Attributes:
        name: of the architecture; ``space:reference`` for a published network.
        file: relative to the run folder; empty for a published network.
        costs: params, macs, activations, peak_bytes, latency_ms (None without a device).
        quality: the objective; None where it could not be computed.
        depth: number of blocks.
        scores: proxy -> {value, standard (against the run's reference sample), or failure}.
        health: verdict and reasons of one forward and backward pass; empty if not checked.
        feasible: whether the run's budgets hold it (a published network may exceed them).
        out_of_domain: why the device's prediction would be a guess.
        facts: what the source of a published network states: top1, latency_ms by device, ...
    """

    name: str
    id: str
    genome: tuple[int, ...]
    costs: Mapping[str, float | int | None]
    quality: float | None
    depth: int
    file: str = ""
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    feasible: bool = True
    out_of_domain: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchResult:
    """What a search ended with.

    Attributes:
        state: ``finished``, ``interrupted`` or ``out of time``.
        front: the networks that were checked and written, by ascending cost.
        front_size: of the whole front, of which ``front`` is an even selection.
        device_label: what must stand beside every latency, e.g. "... (fitted, not measured, ±10 %)".
        band: relative error of a latency; nan if unknown.
    """

    config: SearchConfig
    path: Path
    state: str
    objectives: tuple[str, ...]
    front: tuple[Member, ...]
    references: tuple[Member, ...]
    front_size: int
    trials: int
    asked: int
    failed: int
    seconds: float
    hypervolume: float
    random_hypervolume: float | None
    device_label: str
    band: float
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class DryRun:
    """What ``--dry-run`` prints.

    Attributes:
        costs: name -> (minimum, median, maximum) over a random sample, with the extremes of the space.
        budgets: text of each budget -> share of the space that meets it; "all" for all at once.
        trials_per_s: feasible candidates scored a second, measured now.
        seconds: estimate for the whole run.
    """

    space: str
    size: int
    genes: int
    costs: Mapping[str, tuple[float, float, float]]
    budgets: Mapping[str, float]
    trials: int
    trials_per_s: float
    seconds: float
    device_label: str
