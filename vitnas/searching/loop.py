"""The loop: ask, price, drop what is infeasible or known, rate, tell, keep the front. Read this first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.searching.archive import Archive, SeenKeys
from vitnas.searching.problem import Batch, SearchProblem
from vitnas.searching.rounds import Progress, Round, State, kind_of_failure, pack, unpack
from vitnas.searching.scorer import Scorer
from vitnas.searching.strategy import Strategy
from vitnas.space.activity import Genomes

PRICED_PER_TRIAL = {
    False: 4,
    True: 400,
}  # by whether scores are expensive: beyond it, the feasible part is used up
EMPTY_ROUNDS = 8  # asks in a row without a new feasible candidate before a strategy gets random ones


@dataclass
class Loop:
    """One strategy at work on one problem.

    Everything that it does follows from problem, strategy and seed: neither the clock nor the number of
    workers has a say in what is proposed or kept. Workers are kept busy by ``Scorer.lag`` asks that are open
    at once: ask r follows when all asks up to r - lag are told, and they are told in order.

    Attributes:
        every: all feasible genomes, where they are few enough to be known: a strategy that is stuck gets
            those that are left, so that none is missed.
        ordered: False tells asks as they are done: faster where candidates differ in cost, not reproducible.
        on_course: whether a run of more trials would have come this way: not once the last asks are
            waited for, or smaller than usual.
        is_whole: False inside an ask or a tell, where a state would be half of one.
    """

    problem: SearchProblem
    strategy: Strategy
    scorer: Scorer
    seed: int
    ordered: bool = True
    every: Genomes | None = None
    archive: Archive = field(init=False)
    seen: SeenKeys = field(default_factory=SeenKeys)
    progress: Progress = field(default_factory=Progress)
    on_course: bool = True
    is_whole: bool = True
    _open: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.archive = Archive(len(self.problem.space.genes), self.problem.n_objectives)
        self._rng = np.random.default_rng([self.seed, 7])
        assert self.scorer.lag == 1 or self.strategy.takes_late

    def run(
        self,
        trials: int,
        *,
        deadline: float = float("inf"),
        after: Callable[[Loop], None] | None = None,
        leaving: Callable[[Loop], None] | None = None,
    ) -> None:
        """Go on until ``trials`` candidates are told; none is asked for after the deadline (monotonic clock).

        It ends early by exhaustion: a space (or what the budgets leave of it) whose architectures are all
        known, or so nearly that ``PRICED_PER_TRIAL`` proposals for each trial do not find enough new ones.

        Args:
            after: called after every tell.
            leaving: called once before the loop leaves its course, see ``on_course``.
        """

        def leave() -> None:
            if self.on_course and leaving is not None:
                leaving(self)
            self.on_course = False

        while True:
            n = min(self.scorer.batch, trials - self.progress.proposed)
            if n > 0 and time.monotonic() < deadline and not self._is_exhausted(trials):
                if n < self.scorer.batch:
                    leave()
                self._ask(n)
                if len(self._open) < self.scorer.lag:
                    continue
            elif self._open:
                leave()
            else:
                return
            self._tell(self._rated())
            if after is not None:
                after(self)

    def _is_exhausted(self, trials: int) -> bool:
        p = self.progress
        limit = PRICED_PER_TRIAL[self.scorer.is_expensive] * max(trials, self.scorer.batch)
        p.exhausted = p.asked >= limit or p.empty >= 3 * EMPTY_ROUNDS
        return p.exhausted

    def _ask(self, n: int) -> None:
        """Open a round of at most ``n`` new candidates."""
        self.is_whole = False
        p = self.progress
        stuck = p.empty >= EMPTY_ROUNDS
        genomes = self._others(n) if stuck else self._proposed(n)
        opened = self._start(genomes, None, is_own=not stuck)
        new = self._trials(opened)
        p.rounds += 1
        p.asked += len(genomes)
        p.proposed += new
        p.empty = 0 if new else p.empty + 1
        self._open.append(opened)
        self.is_whole = True

    def _proposed(self, n: int) -> Genomes:
        genomes = self.strategy.ask(n)
        shape: tuple[int, ...] = getattr(genomes, "shape", ())
        dtype = getattr(genomes, "dtype", type(genomes).__name__)
        genes = len(self.problem.space.genes)
        if dtype != np.uint8 or shape[1:] != (genes,) or shape[0] > n:
            problem = f"must propose up to ({n}, {genes}) genomes of uint8, not {shape} of {dtype}"
            raise plugins.nonsense(self.strategy, problem)
        return genomes

    def _others(self, n: int) -> Genomes:
        """What a strategy that is stuck did not think of."""
        if self.every is None:
            return self.problem.sample_feasible(n, self._rng)
        left = self.every[~self.seen.contains(self.problem.space.keys(self.every))]
        return left[self._rng.permutation(len(left))[:n]]

    def _start(self, genomes: Genomes, new: NDArray[np.bool_] | None, *, is_own: bool) -> Round:
        """Price candidates, and begin to rate the feasible ones; ``new`` ones where that is known."""
        problem = self.problem
        costs = problem.table.price(genomes)
        violation = problem.violation(costs, len(genomes))
        keys = problem.space.keys(genomes)
        feasible = violation == 0
        if new is None:
            new = np.zeros(len(genomes), dtype=np.bool_)
            new[feasible] = self.seen.add(keys[feasible])
        rated = self.scorer.start(genomes[feasible], costs.rows(feasible))
        return Round(genomes, costs, keys, violation, new, is_own, rated)

    def _trials(self, asked: Round) -> int:
        return int((asked.feasible if self.strategy.counts_repeats else asked.new).sum())

    def _rated(self) -> Round:
        """The round to tell next, once it is rated."""
        while True:
            candidates = self._open[:1] if self.ordered else self._open
            for asked in candidates:
                if asked.rated.is_done:
                    return asked
            self.scorer.collect()

    def _tell(self, asked: Round) -> None:
        """Close a round."""
        self.is_whole = False
        feasible, new = asked.feasible, asked.new
        quality = np.full(len(asked.genomes), np.nan)
        quality[feasible] = asked.rated.quality
        objectives = self.problem.matrix(asked.costs, quality)
        kept = new & np.isfinite(objectives[:, 0])
        self.archive.add(asked.genomes[kept], asked.keys[kept], objectives[kept])
        self._count_failures(asked, new & ~kept)
        if asked.is_own:
            parts = self._parts(asked.genomes, feasible, objectives)
            self.strategy.tell(Batch(asked.genomes, objectives, asked.violation, parts))
        self.progress.trials += self._trials(asked)
        self._open.remove(asked)
        self.is_whole = True

    def _count_failures(self, asked: Round, failed: NDArray[np.bool_]) -> None:
        p = self.progress
        for row in np.flatnonzero(failed[asked.feasible]).tolist():
            kind = kind_of_failure(asked.rated.failures.get(row, "not a finite score"))
            p.failures[kind] = p.failures.get(kind, 0) + 1
            p.failed += 1

    def _parts(
        self, genomes: Genomes, feasible: NDArray[np.bool_], objectives: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        known = self.scorer.members(genomes[feasible]) if self.strategy.learns_parts else None
        if known is None:
            return None
        members = np.full((len(genomes), known.shape[1]), np.nan)
        members[feasible] = known
        return self.problem.parts(objectives, members)

    def state(self) -> State | None:
        """Arrays from which ``restore`` goes on exactly; None if this strategy can only be replayed."""
        own = self.strategy.state()
        if own is None:
            return None
        state: State = {f"strategy.{name}": value for name, value in own.items()}
        state |= {f"archive.{name}": value for name, value in self.archive.state().items()}
        state |= {f"seen.{name}": value for name, value in self.seen.state().items()}
        state |= {
            f"open.{name}": value for name, value in pack(self._open, self.archive.genomes.shape[1]).items()
        }
        state["progress"] = np.array(json.dumps(vars(self.progress)))
        state["rng"] = np.array(json.dumps(self._rng.bit_generator.state))
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what ``state`` gave; rounds that were open are begun again."""

        def part(prefix: str) -> State:
            return {name[len(prefix) :]: state[name] for name in state if name.startswith(prefix)}

        self.strategy.restore(part("strategy."))
        self.archive.restore(part("archive."))
        self.seen.restore(part("seen."))
        self.progress = Progress(**json.loads(str(state["progress"])))
        self._rng.bit_generator.state = json.loads(str(state["rng"]))
        self._open = [self._start(genomes, new, is_own=own) for genomes, new, own in unpack(part("open."))]
