"""The funnel: rungs that take some of the front before, score them at more expense, and keep their front."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.quality.base import Details
from vitnas.quality.parse import parse_quality
from vitnas.run.prepare import RunContext
from vitnas.run.rating import Rating, Scores, make_rating
from vitnas.searching.archive import Archive
from vitnas.searching.loop import Loop
from vitnas.searching.pareto import spread
from vitnas.searching.rounds import kind_of_failure
from vitnas.searching.rungs import OPTION, Rung, RungResult
from vitnas.space.activity import Genomes

SAVED_S = 5.0  # the manifest says how far a rung is
NOT_FINITE = "not a finite score"


@dataclass(frozen=True)
class Level:
    """A rung, and before all of them the search.

    Attributes:
        genomes: (n, G) that came in; none of the search, which scores millions.
        archive: the front of what was scored.
        scores: who scored; None for the search.
    """

    genomes: Genomes
    archive: Archive
    result: RungResult
    scores: Rating | None = None

    def known(self, genomes: Genomes) -> Scores:
        """What the rung's quality says of genomes (n, G), as far as they were measured."""
        if self.scores is None:
            return np.full(len(genomes), np.nan), [""] * len(genomes)
        return self.scores.recall(genomes)


class Funnel:
    """The search and the rungs after it.

    Which networks a rung takes and keeps follows from the front before it and their scores, and the log holds
    what was measured: a run that was killed climbs again from the first rung, and ends with the same winners.

    Args:
        run: what its parts share; the folder's manifest says how far the rungs are.
    """

    def __init__(self, run: RunContext) -> None:
        self.run = run
        self.setup = run.setup
        self.listener = run.listener
        self.levels: list[Level] = []
        earlier = run.folder.manifest.get("rungs", [])  # of earlier sessions
        self._before = {row["quality"]: row for row in earlier}
        self._began = self._saved = time.monotonic()

    @property
    def results(self) -> tuple[RungResult, ...]:
        """What was done so far; nothing in a run without rungs."""
        return tuple(level.result for level in self.levels) if self.setup.config.then else ()

    @property
    def last(self) -> Level:
        """The last level that has a front: what the run ends with."""
        return next((level for level in reversed(self.levels) if len(level.archive)), self.levels[0])

    def searched(self, loop: Loop, notes: tuple[str, ...] = (), *, whole: bool = True) -> None:
        """The search is over: what it has found is what the first rung takes from.

        Args:
            loop: that searched.
            notes: what a reader of its quality should know.
            whole: False where it was interrupted.
        """
        p = loop.progress
        result = RungResult(
            quality=self.setup.config.quality,
            take=None,
            input=p.asked,
            scored=p.trials - p.failed,
            failed=p.failed,
            output=len(loop.archive),
            seconds=self._seconds(self.setup.config.quality),
            failures=dict(p.failures),
            notes=notes,
            whole=whole,
        )
        self._close(Level(loop.archive.genomes[:0], loop.archive, result))

    def climb(self) -> str:
        """All rungs, one after the other.

        Returns:
            why the run cannot go on, if a rung has scored nothing; else nothing.

        Raises:
            KeyboardInterrupt: the levels hold what was scored so far.
        """
        rungs = self.setup.config.rungs
        for number, rung in enumerate(rungs, 1):
            before = self.last.archive
            genomes = before.genomes[spread(before.objectives, rung.take)]
            whole = len(genomes) == len(before)
            taken = f", all ({rung.take:,} asked)" if whole else f" of {len(before):,}"
            stage = f"rung {number} of {len(rungs)}", f"{rung.quality}, {len(genomes):,} networks{taken}"
            self._climb(rung, genomes, f"quality-{number}.json", stage)
            done = self.levels[-1].result
            if not done.output:
                why = next(filter(None, self.levels[-1].known(genomes)[1]), NOT_FINITE)
                return f"{OPTION} {rung} could score none of {done.input:,} networks: {why}"
        return ""

    def _climb(self, rung: Rung, genomes: Genomes, kept: str, stage: tuple[str, str]) -> None:
        self._began = time.monotonic()
        scores: Rating | None = None
        try:
            quality = parse_quality(rung.quality, self.setup.config.combine, where=f"{OPTION} {rung}")
            scores = make_rating(self.run, quality, kept=kept)
            self.listener.stage(*stage)
            scores.measure(genomes, lambda n: self._progress(rung, n, len(genomes)))
        except KeyboardInterrupt:
            self._close(self._level(rung, genomes, scores, whole=False))
            raise
        finally:
            if scores is not None:
                scores.close()
        self._close(self._level(rung, genomes, scores, whole=True))

    def _level(self, rung: Rung, genomes: Genomes, scores: Rating | None, *, whole: bool) -> Level:
        """What the rung has come to."""
        problem = self.setup.problem
        archive = Archive(genomes.shape[1], problem.n_objectives)
        quality, reasons = np.full(len(genomes), np.nan), [""] * len(genomes)
        if scores is not None:
            quality, reasons = scores.recall(genomes)
        archive.add(
            genomes, problem.space.keys(genomes), problem.matrix(self.setup.table.price(genomes), quality)
        )
        scored = np.isfinite(quality)
        why = [r or NOT_FINITE for r, ok in zip(reasons, scored, strict=True) if not ok and (r or whole)]
        kinds = Counter(map(kind_of_failure, why))
        result = RungResult(
            quality=rung.quality,
            take=rung.take,
            input=len(genomes),
            scored=int(scored.sum()),
            failed=len(why),
            output=len(archive),
            seconds=self._seconds(rung.quality),
            failures=dict(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))),
            notes=scores.notes if scores is not None else (),
            whole=whole,
        )
        return Level(genomes, archive, result, scores)

    def _close(self, level: Level) -> None:
        self.levels.append(level)
        self._save(self.results)

    def _progress(self, rung: Rung, done: int, total: int) -> None:
        self.listener.count(done, total)
        if time.monotonic() - self._saved > SAVED_S:
            seconds = self._seconds(rung.quality)
            now = RungResult(rung.quality, rung.take, total, done, 0, 0, seconds, whole=False)
            self._save((*self.results, now))

    def _save(self, results: tuple[RungResult, ...]) -> None:
        if results:
            done = {result.quality: result.to_dict() for result in results}
            later = [row | {"whole": False} for name, row in self._before.items() if name not in done]
            self.run.folder.update(rungs=[*done.values(), *later])
        self._saved = time.monotonic()

    def _seconds(self, quality: str) -> float:
        return float(self._before.get(quality, {}).get("seconds", 0.0)) + time.monotonic() - self._began

    def measure(self, genomes: Genomes) -> None:
        """Let the rungs score networks (n, G) from outside, such as published ones; none is trained."""
        for level in self.levels[1:]:
            if level.scores is not None and len(level.archive) and not level.scores.trains:
                level.scores.measure(genomes, lambda n: None)

    def said(self, genomes: Genomes, searched: NDArray[np.float64]) -> list[dict[str, float]]:
        """The scores of genomes (n, G) by quality, as far as they are known; nothing without rungs.

        Args:
            genomes: of networks.
            searched: their scores (n,) in the search.
        """
        found: list[dict[str, float]] = [{} for _ in genomes]
        columns = [(self.setup.config.quality, searched)] if self.setup.config.then else []
        columns += [(level.result.quality, level.known(genomes)[0]) for level in self.levels[1:]]
        for quality, values in columns:
            for own, value in zip(found, values.tolist(), strict=True):
                if math.isfinite(value):
                    own[quality] = value
        return found

    def details(self, genomes: Genomes) -> list[Details]:
        """What stands beside these scores."""
        found: list[Details] = [{} for _ in genomes]
        for level in self.levels[1:]:
            if level.scores is not None:
                for own, more in zip(found, level.scores.details(genomes), strict=True):
                    own |= more
        return found
