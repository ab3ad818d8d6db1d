"""Where the scores of a run's networks come from: nowhere, from built networks, or from trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from vitnas.bench.networks import NetworkBench
from vitnas.cost.table import Costs
from vitnas.quality.base import Quality, Record
from vitnas.space.activity import Genomes


class Pending(Protocol):
    """Networks under way."""

    @property
    def is_done(self) -> bool:
        """Whether all are measured."""
        ...

    @property
    def evaluations(self) -> Sequence[Record]:
        """A line of the log for each network, once all are measured."""
        ...


class Evidence(Protocol):
    """What is learned of networks, each a durable line of the log: nothing is measured twice."""

    def start(self, genomes: Genomes, costs: Costs) -> Pending:
        """Begin to measure genomes (n, G) with their costs; waits for nothing."""
        ...

    def wait(self) -> None:
        """Wait until more of what was started is measured."""
        ...

    def cancel(self) -> None:
        """Forget what was started and is not measured."""
        ...

    def measure(self, genomes: Genomes, done: Callable[[int], object] | None = None) -> Sequence[Record]:
        """A line for each genome (n, G); ``done`` is told how many are measured."""
        ...

    def recall(self, genomes: Genomes) -> Sequence[Record]:
        """What is known of each genome (n, G); an empty line where it was not measured."""
        ...

    def close(self) -> None:
        """Remove what measuring alone needed; what was measured can still be recalled."""
        ...


class NoEvidence:
    """Of qualities that look at genomes alone; `GenomeScorer` rates those of a search."""

    def measure(self, genomes: Genomes, done: Callable[[int], object] | None = None) -> Sequence[Record]:
        """Nothing, of each."""
        if done is not None:
            done(len(genomes))
        return self.recall(genomes)

    def recall(self, genomes: Genomes) -> Sequence[Record]:
        """Nothing, of each."""
        return [{}] * len(genomes)

    def start(self, genomes: Genomes, costs: Costs) -> Pending:
        """Nobody waits for it."""
        raise NotImplementedError

    def wait(self) -> None:
        """Nothing is ever under way."""

    def cancel(self) -> None:
        """Nothing is ever under way."""

    def close(self) -> None:
        """Nothing to remove."""


class NetworkEvidence:
    """What some qualities measure of built networks, all of them in one go.

    Args:
        bench: measures; it is the run's, and is shared.
        qualities: that rate networks.
    """

    def __init__(self, bench: NetworkBench, qualities: Sequence[Quality]) -> None:
        self.bench = bench
        self.names = tuple(quality.name for quality in qualities)

    def start(self, genomes: Genomes, costs: Costs) -> Pending:
        """On the run's workers."""
        return self.bench.start(genomes, self.names, costs=costs)

    def wait(self) -> None:
        """For whatever the workers finish next."""
        self.bench.wait()

    def cancel(self) -> None:
        """All that the workers do."""
        self.bench.cancel()

    def measure(self, genomes: Genomes, done: Callable[[int], object] | None = None) -> Sequence[Record]:
        """On the run's workers."""
        return self.bench.measure(genomes, self.names, done=done)

    def recall(self, genomes: Genomes) -> Sequence[Record]:
        """From the log."""
        return self.bench.recall(genomes, self.names)

    def close(self) -> None:
        """The workers are the run's."""
