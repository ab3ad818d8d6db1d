"""The stage that searches: the loop with its random arm, checkpoints and snapshots."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.events import Listener, Snapshot
from vitnas.run.prepare import Setup, make_strategy
from vitnas.searching.box import Box
from vitnas.searching.loop import Loop
from vitnas.searching.rounds import State
from vitnas.searching.scorer import GenomeScorer, Scorer
from vitnas.space.activity import Genomes
from vitnas.store.folder import RunFolder
from vitnas.strategies.random import Random

CHECKPOINT_S = 5.0
CHECKPOINT_SHARE = 0.02  # of the time at most goes into checkpoints
SNAPSHOT_S = 0.25
MILESTONE = 1.3  # the front's growth is noted whenever the trials have grown by this factor


class SearchStage:
    """A loop, random search beside it, and what both have reached."""

    def __init__(self, setup: Setup, scorer: Scorer, box: Box, folder: RunFolder, listener: Listener) -> None:
        seed = setup.config.seed
        self.setup = setup
        self.box = box
        self.folder = folder
        self.listener = listener
        self.loop = Loop(setup.problem, make_strategy(setup), scorer, seed, setup.config.ordered)
        self.arm: Loop | None = None
        wanted = setup.config.random_arm if setup.config.random_arm is not None else not scorer.is_dear
        if wanted and setup.config.strategy != "random":
            self.arm = Loop(setup.problem, Random(setup.problem, seed + 1), scorer, seed + 1)
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
        """Go on from the folder's state, if there is one."""
        state = self.folder.load_state()
        if state is not None:
            self._restore(state)
        self._first_trial = self.loop.progress.trials

    def run(self, trials: int, time_s: float | None) -> None:
        """Search until ``trials`` candidates are scored or the time is over, and save the state."""
        self._target = trials
        self._started = time.monotonic()
        deadline = self._started + time_s if time_s is not None else float("inf")
        try:
            self.loop.run(trials, deadline=deadline, after=self._after, leaving=lambda _: self.save())
        except KeyboardInterrupt:
            self.loop.scorer.cancel()
            raise
        finally:
            if self.loop.on_course and self.loop.is_whole:
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
            target_trials=self._target,
            seconds=seconds,
            rate=(trials - self._first_trial) / max(seconds, 1e-9),
            objectives=self.setup.problem.objectives,
            front=self.setup.problem.natural(self.loop.archive.objectives),
            hypervolume=self.hypervolume(),
            random_hypervolume=self.random_hypervolume(),
            published=self._published,
        )

    def save(self) -> None:
        """Keep the state, unless the strategy has none and is replayed.

        It is a state that a run of more trials would come by as well, so that one can follow this run.
        """
        started = time.monotonic()
        state = self.loop.state()
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
        if self.arm is not None:
            self.arm.restore(part("arm."))
        self.history = [tuple(row) for row in json.loads(str(state["history"]))]
