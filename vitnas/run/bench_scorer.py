"""How a search has its candidates scored: a population at once, or so many at a time on workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.bench.bench import Measuring
from vitnas.cost.columns import Costs
from vitnas.events import Listener
from vitnas.run.prepare import Setup, trials_of
from vitnas.run.rating import Rating, given_asks
from vitnas.searching.scorer import GenomeScorer, Scorer
from vitnas.searching.strategy import load_strategy
from vitnas.space.activity import Genomes

OPEN_ASKS = (4, 16)  # at once, for few and many candidates in flight
UNORDERED_ASKS = (4, 64)  # an ask is told whole: smaller ones waste less
SMALL_ASK = 8  # up to here fewer asks are open, beyond it more
LEAST_ASK, ASKS = (
    100,
    50,
)  # of genomes: a search learns between its asks, so few trials are cut into small ones
UNORDERED = (
    "scores were told as they came (unordered): the same settings may lead to another front the next time"
)


@dataclass(frozen=True)
class Started:
    """A batch of networks under way, see `scorer.Rated`."""

    rating: Rating
    genomes: Genomes
    measuring: Measuring

    @property
    def is_done(self) -> bool:
        """Whether all are measured."""
        return self.measuring.is_done

    @property
    def quality(self) -> NDArray[np.float64]:
        """(n,) nan where it could not be computed (the log says why)."""
        return self.rating.quality.rate(self.genomes, self.measuring.evaluations)

    @property
    def failures(self) -> dict[int, str]:
        """Row -> why it has none."""
        reasons = map(self.rating.quality.failure, self.measuring.evaluations)
        return {row: reason for row, reason in enumerate(reasons) if reason}


class BenchScorer:
    """Rates candidates that have to be built or trained; see `scorer.Scorer`.

    Args:
        rating: of the search.
        batch: candidates of an ask.
        lag: asks that are open at once.
    """

    is_expensive = True

    def __init__(self, rating: Rating, batch: int, lag: int = 1) -> None:
        assert rating.bench is not None
        self.rating = rating
        self.bench = rating.bench
        self.batch = batch
        self.lag = lag

    def start(self, genomes: Genomes, costs: Costs) -> Started:
        """Begin to measure them."""
        return Started(self.rating, genomes, self.bench.start(genomes, costs))

    def collect(self) -> None:
        """Wait until more is measured."""
        self.bench.wait()

    def cancel(self) -> None:
        """Forget what is not measured yet."""
        self.bench.cancel()

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """Scores (n, K) that are combined; None if there is one."""
        return self.rating.quality.part_scores(genomes, self.bench.recall(genomes))


def make_scorer(
    setup: Setup, rating: Rating, workers: int, listener: Listener
) -> tuple[Scorer, tuple[str, ...]]:
    """Who scores the candidates of a search, and what is to be noted of how."""
    config, quality = setup.config, rating.quality
    if not quality.is_expensive:
        usual = min(setup.quality.batch, max(LEAST_ASK, trials_of(config, setup.quality) // ASKS))
        batch = setup.rating.batch or load_strategy(config.strategy).batch or usual
        return GenomeScorer(lambda g: quality.rate(g, ()), batch, lambda g: quality.part_scores(g, ())), ()
    in_flight = config.in_flight or setup.rating.batch or setup.quality.batch
    if rating.trains:
        return BenchScorer(rating, in_flight), ()
    late = load_strategy(config.strategy).takes_late
    _warn(setup, rating, workers, in_flight, late, listener)
    scorer = BenchScorer(rating, *asks_of(in_flight, late=late, ordered=config.ordered))
    return scorer, (UNORDERED,) if late and not config.ordered else ()


def asks_of(in_flight: int, *, late: bool, ordered: bool = True) -> tuple[int, int]:
    """Candidates of an ask, and how many asks are open at once; one where the strategy must be told first."""
    if not late:
        return in_flight, 1
    few, many = OPEN_ASKS if ordered else UNORDERED_ASKS
    batch = max(min(in_flight // few, max(SMALL_ASK, in_flight // many)), 1)
    return batch, -(-in_flight // batch)


def _warn(setup: Setup, rating: Rating, workers: int, in_flight: int, late: bool, listener: Listener) -> None:
    """Of settings that have less effect than hoped."""
    if not late:
        for option in given_asks(setup.config):
            listener.warn(
                f"{option}: strategy '{setup.config.strategy}' learns from all that it has asked for before "
                "it proposes more, so there is one ask at a time"
            )
    elif workers > in_flight * rating.quality.repeats:
        listener.warn(
            f"{workers} workers, but {in_flight} candidates in flight: some will idle; "
            f"`in_flight` {4 * workers} keeps them busy (it is a setting of the search: the front will be "
            "another)"
        )
