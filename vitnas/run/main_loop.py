"""A search at work: the loop with its random arm, checkpoints and snapshots, and the rungs after it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import RunCorrupt
from vitnas.events import Snapshot
from vitnas.run.bench_scorer import make_scorer
from vitnas.run.funnel import Funnel
from vitnas.run.prepare import RunContext, Setup, make_strategy, trials_of
from vitnas.run.rating import Rating, make_box, make_rating
from vitnas.searching.listing import MOST, POSITION, Listing, feasible_genomes
from vitnas.searching.loop import Loop
from vitnas.searching.pareto import Box
from vitnas.searching.rounds import State
from vitnas.searching.scorer import GenomeScorer, Scorer
from vitnas.space.activity import Genomes
from vitnas.store.folder import RunFolder
from vitnas.strategies.random import Random

CHECKPOINT_S = 5.0
CHECKPOINT_SHARE = 0.02  # of the time at most goes into checkpoints
SNAPSHOT_S = 0.25
MILESTONE = 1.3  # the front's growth is noted whenever the trials have grown by this factor


def make_loops(
    setup: Setup, scorer: Scorer, trials: int, *, was_listed: bool = False
) -> tuple[Loop, Loop | None]:
    """The loop of a search, and random search beside it, if there is any.

    Where all feasible architectures are known and scoring them costs nothing, all are scored: neither the
    strategy nor random search has a say. Not so for a strategy that counts repeats: what it comes to is not
    only a front.

    Args:
        setup: of the run.
        scorer: of candidates.
        trials: that are wanted.
        was_listed: all were scored before, so that fewer trials do not make a search of it.
    """
    config, problem, seed = setup.config, setup.problem, setup.config.seed
    strategy = make_strategy(setup)
    most = MOST if was_listed else trials
    every = None if strategy.counts_repeats else feasible_genomes(problem, most)
    if every is not None and not scorer.is_expensive:
        return Loop(problem, Listing(problem, every), scorer, seed, config.ordered, every), None
    loop = Loop(problem, strategy, scorer, seed, config.ordered, every)
    wanted = config.random_arm if config.random_arm is not None else not scorer.is_expensive
    if not wanted or config.strategy == "random":
        return loop, None
    return loop, Loop(problem, Random(problem, seed + 1), scorer, seed + 1, every=every)


class SearchStage:
    """A loop, random search beside it, and what both have reached.

    Args:
        run: what its parts share.
        scorer: of candidates.
        box: what hypervolumes are measured in.
        trials: that are wanted.

    Attributes:
        trials: that there will be, unless candidates run out: fewer where fewer are feasible.
        is_exhaustive: whether all are scored without a search.
    """

    def __init__(self, run: RunContext, scorer: Scorer, box: Box, trials: int) -> None:
        setup = run.setup
        self._state = run.folder.load_state()
        was_listed = self._state is not None and f"loop.strategy.{POSITION}" in self._state
        self.loop, self.arm = make_loops(setup, scorer, trials, was_listed=was_listed)
        self.trials = trials if self.loop.every is None else len(self.loop.every)
        self.is_exhaustive = isinstance(self.loop.strategy, Listing)
        self.setup = setup
        self.box = box
        self.folder = run.folder
        self.listener = run.listener
        self.history: list[tuple[int, float, float | None]] = []  # trials, hypervolume, random arm's
        self._saved = self._shown = self._started = time.monotonic()
        self._pause_s = CHECKPOINT_S
        self._first_trial = 0
        self._published = self._published_networks(scorer) if isinstance(scorer, GenomeScorer) else ()

    def _published_networks(self, scorer: GenomeScorer) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """What a viewer marks beside the front."""
        references = self.setup.problem.space.references
        if not references:
            return ()
        genomes = np.array([r.genome for r in references.values()], np.uint8)
        values = self.setup.problem.matrix(self.setup.table.price(genomes), scorer.rate(genomes))
        rows = self.setup.problem.natural(values).tolist()
        return tuple((name, tuple(row)) for name, row in zip(references, rows, strict=True))

    def resume(self) -> None:
        """Go on from the folder's state, unless that is of a search and this is a listing."""
        state, self._state = self._state, None
        if state is not None and (f"loop.strategy.{POSITION}" in state) == self.is_exhaustive:
            self._restore(state)
        self._first_trial = self.loop.progress.trials

    def run(self, time_s: float | None) -> None:
        """Search until all trials are done or the time is over, and save the state."""
        self._started = time.monotonic()
        deadline = self._started + time_s if time_s is not None else float("inf")
        try:
            self.loop.run(self.trials, deadline=deadline, after=self._after, leaving=lambda _: self.save())
        except KeyboardInterrupt:
            self.loop.scorer.cancel()
            raise
        finally:
            if self.loop.is_whole and (self.loop.on_course or self.is_exhaustive):
                self.save()
        self.listener.snapshot(self.snapshot())

    def _after(self, loop: Loop) -> None:
        if self.arm is not None:
            self.arm.run(loop.progress.trials)
        if not self.history or loop.progress.trials >= MILESTONE * self.history[-1][0]:
            self.history.append((loop.progress.trials, self.hypervolume(), self.random_hypervolume()))
        now = time.monotonic()
        if now - self._shown > SNAPSHOT_S or len(self.history) == 1:
            self._shown = now
            self.listener.snapshot(self.snapshot())
        if now - self._saved > self._pause_s and loop.on_course:
            self.save()

    def choice(self) -> Genomes:
        """What the strategy itself would take (k, G), if it has a view of its own."""
        return self.loop.strategy.choice()

    @property
    def has_all(self) -> bool:
        """Whether all feasible architectures were scored."""
        return self.loop.every is not None and len(self.loop.seen) == len(self.loop.every)

    def hypervolume(self) -> float:
        """Of the front so far."""
        return self.box.hypervolume(self.loop.archive.objectives)

    def random_hypervolume(self) -> float | None:
        """Of random search after as many trials; None without that arm."""
        return self.box.hypervolume(self.arm.archive.objectives) if self.arm else None

    def snapshot(self) -> Snapshot:
        """What a viewer needs."""
        seconds = time.monotonic() - self._started
        trials = self.loop.progress.trials
        return Snapshot(
            trials=trials,
            target_trials=self.trials,
            seconds=seconds,
            rate=(trials - self._first_trial) / max(seconds, 1e-9),
            objectives=self.setup.problem.objectives,
            front=self.setup.problem.natural(self.loop.archive.objectives),
            hypervolume=self.hypervolume(),
            random_hypervolume=self.random_hypervolume(),
            published=self._published,
        )

    def save(self) -> None:
        """Keep the state, unless nothing has happened, or the strategy has none and is replayed.

        It is a state that a run of more trials would come by as well, so that one can follow this run.
        """
        started = time.monotonic()
        state = self.loop.state() if self.loop.progress.rounds else None
        if state is not None:
            arrays: State = {f"loop.{name}": value for name, value in state.items()}
            if self.arm is not None:
                arm = self.arm.state()
                assert arm is not None
                arrays |= {f"arm.{name}": value for name, value in arm.items()}
            arrays["history"] = np.array(json.dumps(self.history))
            self.folder.save_state(arrays)
        self._saved = time.monotonic()
        self._pause_s = max(CHECKPOINT_S, (self._saved - started) / CHECKPOINT_SHARE)

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        def part(prefix: str) -> State:
            return {name[len(prefix) :]: state[name] for name in state if name.startswith(prefix)}

        self.loop.restore(part("loop."))
        archive = self.loop.archive
        if not self.setup.problem.has_priced(archive.genomes, archive.objectives):
            raise RunCorrupt(
                f"{self.folder.path}: its networks do not cost what they did: the code of an operator has "
                "changed since; restore it, or begin a new run"
            )
        if self.arm is not None:
            self.arm.restore(part("arm."))
        self.history = [tuple(row) for row in json.loads(str(state["history"]))]


@dataclass(frozen=True)
class ActiveRun:
    """A search at work, which goes on from wherever its folder stands.

    Attributes:
        context: what its parts share.
        rating: scores the candidates of the search.
        stage: searches.
        funnel: the rungs after the search.
    """

    context: RunContext
    rating: Rating
    stage: SearchStage
    funnel: Funnel

    @classmethod
    def begin(cls, context: RunContext, ending: ExitStack) -> ActiveRun:
        """Restore the quality and the state of the loop from the folder, or make them.

        Args:
            context: what the parts of the run share.
            ending: is told what is to be done in the end.
        """
        setup, funnel = context.setup, Funnel(context)  # whose clock runs from here
        rating = make_rating(context, setup.quality)
        ending.callback(rating.close)
        scorer, noted = make_scorer(setup, rating, context.bench.workers.size, context.listener)
        rating = dataclasses.replace(rating, notes=(*rating.notes, *noted))
        box, trials = make_box(setup, context.folder, rating), trials_of(setup.config, setup.quality)
        stage = SearchStage(context, scorer, box, trials)
        stage.resume()
        return cls(context, rating, stage, funnel)

    @property
    def setup(self) -> Setup:
        """Settings, space, devices, budgets and pool."""
        return self.context.setup

    @property
    def folder(self) -> RunFolder:
        """Where it is written."""
        return self.context.folder

    def search(self) -> str:
        """Search, and climb the rungs; returns the state that the run ends with.

        Raises:
            KeyboardInterrupt: what was found so far stays, see `interrupted`.
        """
        state = self._run_loop()
        self._join_choice()
        self.funnel.searched(self.stage.loop, self.rating.notes)
        dead_end = self.funnel.climb()
        if dead_end:
            self.context.listener.warn(dead_end)
        return "rung failed" if dead_end else state

    def interrupted(self) -> None:
        """Take what the search has found so far as its end."""
        if not self.funnel.levels:
            self.funnel.searched(self.stage.loop, self.rating.notes, whole=False)

    def _run_loop(self) -> str:
        config, stage, listener = self.setup.config, self.stage, self.context.listener
        how = "all feasible architectures" if stage.is_exhaustive else config.strategy
        listener.stage("searching", f"{how}, quality {config.quality}, {stage.trials:,} trials")
        stage.run(config.time_s)
        done = stage.loop.progress
        if done.exhausted and done.trials < stage.trials:
            listener.warn(
                f"stopped at {done.trials:,} trials: {done.asked:,} were priced, and hardly any feasible "
                "architecture that is new is left"
            )
            return "finished"
        return "finished" if done.trials >= stage.trials else "out of time"

    def _join_choice(self) -> None:
        """Score what the strategy itself would take, and let it into the front, if it belongs there.

        The saved state of the search stays without it.
        """
        chosen, problem = self.stage.choice(), self.setup.problem
        costs = self.setup.table.price(chosen)
        feasible = problem.violation(costs, len(chosen)) == 0
        if feasible.any():
            objectives = problem.matrix(costs, self.rating.rate(chosen))
            kept = feasible & np.isfinite(objectives).all(axis=1)  # what was not trained has no quality
            self.stage.loop.archive.add(chosen[kept], problem.space.keys(chosen[kept]), objectives[kept])
