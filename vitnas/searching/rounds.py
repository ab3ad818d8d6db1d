"""What was asked for at once: priced, started, and told when it is rated; and how far a loop has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.scorer import Rated
from vitnas.space.activity import Genomes

if TYPE_CHECKING:
    from vitnas.cost.columns import Costs

State = dict[str, NDArray[Any]]
HANGING, MEMORY = "did not finish", "killed by the system for want of memory"  # how such reasons begin
LONGEST_KIND = 60


@dataclass
class Progress:
    """How far a loop has come.

    Attributes:
        proposed: feasible candidates whose rating was begun; distinct, unless the strategy
            ``counts_repeats``.
        trials: those of them that are rated and told.
        asked: candidates that were priced.
        rounds: asks.
        empty: asks in a row that brought nothing new.
        failed: candidates whose score is not finite.
        failures: kind of failure -> how many.
    """

    proposed: int = 0
    trials: int = 0
    asked: int = 0
    rounds: int = 0
    empty: int = 0
    failed: int = 0
    exhausted: bool = False
    failures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Round:
    """The candidates of one ask; rows line up.

    Attributes:
        genomes: (n, G) canonical.
        costs: theirs.
        keys: (n,) from ``Space.keys``.
        violation: (n,) 0 within all budgets.
        new: (n,) feasible, and not asked for before.
        is_own: the strategy proposed them; else it is not told.
        rated: the feasible ones under way.
    """

    genomes: Genomes
    costs: Costs
    keys: NDArray[np.uint64]
    violation: NDArray[np.float64]
    new: NDArray[np.bool_]
    is_own: bool
    rated: Rated

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """(n,) within all budgets."""
        return np.asarray(self.violation == 0)


def pack(rounds: Sequence[Round], genes: int) -> State:
    """Arrays that ``unpack`` takes back: what cannot be computed again."""
    return {
        "genomes": np.concatenate([np.zeros((0, genes), np.uint8), *(r.genomes for r in rounds)]),
        "new": np.concatenate([np.zeros(0, np.bool_), *(r.new for r in rounds)]),
        "sizes": np.array([len(r.genomes) for r in rounds], np.int64),
        "is_own": np.array([r.is_own for r in rounds], np.bool_),
    }


def unpack(state: Mapping[str, NDArray[Any]]) -> Iterator[tuple[Genomes, NDArray[np.bool_], bool]]:
    """Genomes, which of them are new, and whether the strategy proposed them; of each round in order."""
    ends = np.cumsum(state["sizes"]).tolist()
    for start, end, is_own in zip([0, *ends], ends, state["is_own"].tolist(), strict=False):
        yield state["genomes"][start:end], state["new"][start:end], is_own


def kind_of_failure(reason: str) -> str:
    """A reason without what differs from candidate to candidate, for counting."""
    if reason.startswith(HANGING):
        return "hung"
    if reason.startswith(MEMORY):
        return "killed for memory"
    kind = reason.partition(":")[0].partition(" (")[0].strip()
    return kind[:LONGEST_KIND] or "without a reason"
