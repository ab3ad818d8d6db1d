"""How many networks are scored at once, and what has to be said about it."""

from __future__ import annotations

from vitnas.errors import InvalidInput
from vitnas.events import Listener
from vitnas.quality.combined import split_quality
from vitnas.quality.genomes.counts import is_genome_quality
from vitnas.quality.measure import load_proxy
from vitnas.quality.trained import TRAIN
from vitnas.run.network_quality import NetworkQuality, NetworkScorer
from vitnas.searching.config import SearchConfig
from vitnas.searching.strategy import load_strategy

IN_FLIGHT = 32  # by default, whatever the number of workers
OPEN_ASKS = (4, 16)  # at once, for few and many candidates in flight
UNORDERED_ASKS = (4, 64)  # an ask is told whole: smaller ones waste less
SMALL_ASK = 8  # up to here fewer asks are open, beyond it more
UNORDERED = (
    "scores were told as they came (--unordered): the same settings may lead to another front the next time"
)


def check_in_flight(config: SearchConfig) -> None:
    """Whether the settings about scoring at once mean something.

    Raises:
        InvalidInput: nothing is scored at once.
    """
    given = [option for option, is_given in _given(config).items() if is_given]
    if given and all(map(is_genome_quality, split_quality(config.quality))):
        raise InvalidInput(f"{given[0]}: quality '{config.quality}' builds no networks; leave it out")
    if config.quality == TRAIN and not config.ordered:
        raise InvalidInput("--unordered: trainings are told a round at a time; leave it out")


def _given(config: SearchConfig) -> dict[str, bool]:
    return {"--in-flight": config.in_flight is not None, "--unordered": not config.ordered}


def asks_of(in_flight: int, *, late: bool, ordered: bool = True) -> tuple[int, int]:
    """Candidates of an ask, and how many asks are open at once; one where the strategy must be told first."""
    if not late:
        return in_flight, 1
    few, many = OPEN_ASKS if ordered else UNORDERED_ASKS
    batch = max(min(in_flight // few, max(SMALL_ASK, in_flight // many)), 1)
    return batch, -(-in_flight // batch)


def network_scorer(
    config: SearchConfig, quality: NetworkQuality, listener: Listener
) -> tuple[NetworkScorer, tuple[str, ...]]:
    """The scorer of a run, and what is to be noted of how it scores."""
    in_flight = config.in_flight or IN_FLIGHT
    late = load_strategy(config.strategy).takes_late
    scorer = NetworkScorer(quality, *asks_of(in_flight, late=late, ordered=config.ordered))
    if not late:
        for option, is_given in _given(config).items():
            if is_given:
                listener.warn(
                    f"{option}: strategy '{config.strategy}' learns from all that it has asked for before it "
                    "proposes more, so there is one ask at a time"
                )
    elif (workers := quality.bench.workers.size) > in_flight * _repeats(quality):
        listener.warn(
            f"{workers} workers, but {in_flight} candidates in flight: some will idle; "
            f"--in-flight {4 * workers} keeps them busy (it is a setting of the search: the front will be "
            "another)"
        )
    return scorer, (UNORDERED,) if late and not config.ordered else ()


def _repeats(quality: NetworkQuality) -> int:
    """Tasks that each network is at most."""
    return max(load_proxy(name).repeats for name in quality.proxies)
