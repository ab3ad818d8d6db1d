"""Who scores the candidates of a rung: a quality of genomes, or built networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.bench.networks import NetworkBench
from vitnas.events import Listener
from vitnas.quality.base import GenomeQuality
from vitnas.quality.combined import split_quality
from vitnas.quality.genomes.counts import is_genome_quality, restore_genome_quality
from vitnas.quality.trained import TRAIN
from vitnas.run.network_quality import Details, NetworkQuality, genome_details
from vitnas.run.prepare import Setup
from vitnas.run.rating import PROXY_NOTE, fitted_quality, network_quality
from vitnas.run.train_scores import TrainScores
from vitnas.run.trainings import TrainBench
from vitnas.searching.rungs import Rung
from vitnas.space.activity import Genomes
from vitnas.store.folder import RunFolder
from vitnas.workers.settings import WorkerSettings

Known = tuple[NDArray[np.float64], list[str]]  # quality (n,), nan without one; why a candidate failed, or ""


class RungScores(Protocol):
    """Scores candidates; what is dear is measured once and remembered through the log."""

    notes: tuple[str, ...]
    trains: bool  # too dear to score the published networks as well

    def measure(self, genomes: Genomes, done: Callable[[int], None]) -> None:
        """Score canonical genomes (n, G); ``done`` is told how many of them are."""
        ...

    def recall(self, genomes: Genomes) -> Known:
        """The scores of genomes (n, G), as far as they were measured."""
        ...

    def details(self, genomes: Genomes) -> list[Details]:
        """What stands beside the scores, as far as they were measured."""
        ...

    def close(self) -> None:
        """End what ``measure`` started; what was measured can still be recalled."""
        ...


def make_scores(
    setup: Setup,
    folder: RunFolder,
    bench: NetworkBench,
    listener: Listener,
    number: int,
    rung: Rung,
    *,
    shares: int | WorkerSettings = 1,
) -> RungScores:
    """What scores the rung of a number, from 1; the run's folder keeps what its scores rest on.

    ``bench`` builds and runs networks; trainings get ``shares`` of their own.
    """
    own = dataclasses.replace(setup, config=dataclasses.replace(setup.config, quality=rung.quality, then=()))
    if rung.quality == TRAIN:
        return TrainScores(TrainBench(own, folder, bench.log, shares, listener, bench.workers))
    kept = f"quality-{number}.json"
    if not all(map(is_genome_quality, split_quality(rung.quality))):
        return NetworkScores(network_quality(own, folder, bench, listener, kept))
    saved = folder.read_json(kept)
    if saved is not None:
        return GenomeScores(restore_genome_quality(saved["state"], setup.problem.space, setup.table))
    quality = fitted_quality(own)
    folder.write_json(kept, {"state": quality.state()})
    return GenomeScores(quality)


class GenomeScores:
    """Scores of a quality that rates genomes."""

    trains = False

    def __init__(self, quality: GenomeQuality) -> None:
        self.quality = quality
        self.notes = quality.notes

    def measure(self, genomes: Genomes, done: Callable[[int], None]) -> None:
        """Nothing to do: they cost microseconds."""
        done(len(genomes))

    def recall(self, genomes: Genomes) -> Known:
        """The scores."""
        return self.quality.score(genomes), [""] * len(genomes)

    def details(self, genomes: Genomes) -> list[Details]:
        """What members say, and how sure a fitted quality is."""
        return genome_details(self.quality, genomes)

    def close(self) -> None:
        """Nothing to do."""


class NetworkScores:
    """Scores of built networks: a proxy, or several scores in one."""

    trains = False

    def __init__(self, quality: NetworkQuality) -> None:
        self.quality = quality
        names = quality.names
        combined = [quality.combination.note(names)] if len(names) > 1 else []
        self.notes: tuple[str, ...] = (*combined, PROXY_NOTE)

    def measure(self, genomes: Genomes, done: Callable[[int], None]) -> None:
        """Build and run networks on the run's workers."""
        self.quality.bench.measure(genomes, self.quality.proxies, done=done)

    def recall(self, genomes: Genomes) -> Known:
        """The scores, as far as networks were measured."""
        return self.quality.recall(genomes)

    def details(self, genomes: Genomes) -> list[Details]:
        """The value of every member, and where it stands among the run's random networks."""
        quality, reasons = self.recall(genomes)
        known = np.isfinite(quality) | np.array([bool(reason) for reason in reasons], np.bool_)
        said = iter(self.quality.details(genomes[known]))
        return [next(said) if measured else {} for measured in known]

    def close(self) -> None:
        """Nothing to do: the workers are the run's."""
