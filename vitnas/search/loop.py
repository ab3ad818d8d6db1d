"""The loop: ask, price, drop what is infeasible or known, score, tell, keep the front. Read this first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitnas.search.archive import Archive, SeenKeys
from vitnas.search.problem import Batch, SearchProblem
from vitnas.search.scorer import Scorer
from vitnas.space.activity import Genomes

PRICED_PER_TRIAL = {
    False: 4,
    True: 400,
}  # by whether scores are dear: beyond it, the feasible part is used up
EMPTY_ROUNDS = 8  # asks in a row without a new feasible candidate before a strategy gets random ones
State = dict[str, NDArray[Any]]


class Strategy(Protocol):
    """Proposes genomes and learns from what they score; see ``vitnas.strategies``.

    It may have the attributes ``counts_repeats`` (a candidate told again is a trial too) and ``takes_parts``
    (it learns from `Batch.parts`), both False where they are missing.
    """

    def ask(self, n: int) -> Genomes:
        """Up to ``n`` canonical proposals."""
        ...

    def tell(self, batch: Batch) -> None:
        """All rows of the last ask, in its order."""
        ...

    def state(self) -> State | None:
        """All it needs to go on as if never stopped; None if only a replay brings it back."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        ...


@dataclass
class Progress:
    """How far a loop has come.

    Attributes:
        trials: feasible candidates that were scored; distinct, unless the strategy ``counts_repeats``.
        asked: candidates that were priced.
        rounds: asks.
        empty: asks in a row that brought nothing new.
        failed: candidates whose score is not finite.
    """

    trials: int = 0
    asked: int = 0
    rounds: int = 0
    empty: int = 0
    failed: int = 0
    exhausted: bool = False


@dataclass
class Loop:
    """One strategy at work on one problem.

    Everything that it does follows from problem, strategy and seed: neither the clock nor the number of
    workers has a say in what is proposed or kept.
    """

    problem: SearchProblem
    strategy: Strategy
    scorer: Scorer
    seed: int
    archive: Archive = field(init=False)
    seen: SeenKeys = field(default_factory=SeenKeys)
    progress: Progress = field(default_factory=Progress)
    _scores: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.archive = Archive(len(self.problem.space.genes), self.problem.n_objectives)
        self._rng = np.random.default_rng([self.seed, 7])

    def run(
        self, trials: int, *, deadline: float = float("inf"), after: Callable[[Loop], None] | None = None
    ) -> None:
        """Go on until ``trials`` candidates are scored, the deadline (``time.monotonic``) or exhaustion.

        Exhausted is a space (or what the budgets leave of it) whose architectures are all known, or so
        nearly that ``PRICED_PER_TRIAL`` proposals for each trial do not find enough new ones.

        ``after`` is called after every round.
        """
        while self.progress.trials < trials and time.monotonic() < deadline:
            self.progress.exhausted = self._exhausted(trials)
            if self.progress.exhausted:
                return
            self.step(min(self.scorer.batch, trials - self.progress.trials))
            if after is not None:
                after(self)

    def _exhausted(self, trials: int) -> bool:
        limit = PRICED_PER_TRIAL[self.scorer.is_dear] * max(trials, self.scorer.batch)
        return self.progress.asked >= limit or self.progress.empty >= 3 * EMPTY_ROUNDS

    def step(self, n: int) -> None:
        """One round of at most ``n`` new candidates."""
        p = self.progress
        stuck = p.empty >= EMPTY_ROUNDS
        genomes = self.problem.sample_feasible(n, self._rng) if stuck else self.strategy.ask(n)
        new = self._told(genomes, tell=not stuck)
        p.rounds += 1
        p.asked += len(genomes)
        p.trials += new
        p.empty = 0 if new else p.empty + 1

    def _told(self, genomes: Genomes, *, tell: bool) -> int:
        """Price, score and tell; the number of trials."""
        problem = self.problem
        costs = problem.table.price(genomes)
        violation = problem.violation(costs, len(genomes))
        feasible = violation == 0
        keys = problem.space.keys(genomes)
        new = np.zeros(len(genomes), dtype=np.bool_)
        new[feasible] = self.seen.add(keys[feasible])
        quality = self._quality(genomes, keys, feasible, new)
        objectives = problem.matrix(costs, quality)
        kept = new & np.isfinite(objectives[:, 0])
        self.archive.add(genomes[kept], keys[kept], objectives[kept])
        self.progress.failed += int((new & ~kept).sum())
        if tell:
            parts = self._parts(genomes, feasible, objectives)
            self.strategy.tell(Batch(genomes, objectives, violation, parts))
        return int((feasible if getattr(self.strategy, "counts_repeats", False) else new).sum())

    def _parts(
        self, genomes: Genomes, feasible: NDArray[np.bool_], objectives: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        wanted = getattr(self.strategy, "takes_parts", False)
        known = self.scorer.members(genomes[feasible]) if wanted else None
        if known is None:
            return None
        members = np.full((len(genomes), known.shape[1]), np.nan)
        members[feasible] = known
        return self.problem.parts(objectives, members)

    def _quality(
        self,
        genomes: Genomes,
        keys: NDArray[np.uint64],
        feasible: NDArray[np.bool_],
        new: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Quality (n,), nan where infeasible; what is dear is never scored twice."""
        quality = np.full(len(genomes), np.nan)
        if not self.scorer.is_dear:
            quality[feasible] = self.scorer.score(genomes[feasible], keys[feasible])
            return quality
        scored = self.scorer.score(genomes[new], keys[new])
        self._scores.update(zip(keys[new].tolist(), scored.tolist(), strict=True))
        quality[feasible] = [self._scores[key] for key in keys[feasible].tolist()]
        return quality

    def state(self) -> State | None:
        """Arrays from which ``restore`` goes on exactly; None if this strategy can only be replayed."""
        own = self.strategy.state()
        if own is None or self.scorer.is_dear:
            return None
        state: State = {f"strategy.{name}": value for name, value in own.items()}
        state |= {f"archive.{name}": value for name, value in self.archive.state().items()}
        state |= {f"seen.{name}": value for name, value in self.seen.state().items()}
        state["progress"] = np.array(json.dumps(vars(self.progress)))
        state["rng"] = np.array(json.dumps(self._rng.bit_generator.state))
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what ``state`` gave."""

        def part(prefix: str) -> State:
            return {name[len(prefix) :]: state[name] for name in state if name.startswith(prefix)}

        self.strategy.restore(part("strategy."))
        self.archive.restore(part("archive."))
        self.seen.restore(part("seen."))
        self.progress = Progress(**json.loads(str(state["progress"])))
        self._rng.bit_generator.state = json.loads(str(state["rng"]))
