"""What the scores of a run's networks rest on: nothing, built networks or trainings (`bench.networks`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from vitnas.cost.table import Costs
from vitnas.quality.base import Record
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
