"""Feasible candidates priced and ranked a second by the whole pipeline on one core, and where the time goes.

The stage of a default search as it is (checkpoints on disk and snapshots included), without the health
checks that follow it. With the random arm, as many random candidates again are drawn, priced and ranked
beside those counted in the first column.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import _common as common
import torch
from _problem import default_bench

from vitnas.events import Silent
from vitnas.run.main_loop import SearchStage
from vitnas.run.prepare import RunContext
from vitnas.searching.scorer import GenomeScorer
from vitnas.store.folder import RunFolder
from vitnas.store.log import EvaluationLog
from vitnas.workers import Serial

TRIALS = 2_000_000
BATCH = 16384
CASES = (("evolution", True), ("evolution", False), ("local", False), ("random", False))


def run(strategy: str, random_arm: bool, trials: int, *, timed: bool) -> tuple[float, int, dict[str, float]]:
    """Seconds, candidates scored by both arms, and seconds by part if they are wanted."""
    bench = default_bench(strategy=strategy, random_arm=random_arm)
    scorer = GenomeScorer(bench.rate, BATCH)
    watch = common.Stopwatch()
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder(Path(root) / "run")
        folder.create(bench.setup.config.to_dict(), {}, {})
        log = EvaluationLog(folder.log, folder.guard)
        context = RunContext.of(bench.setup, folder, log, Serial(), Silent())
        stage = SearchStage(context, scorer, bench.box, trials)
        loops = [loop for loop in (stage.loop, stage.arm) if loop is not None]
        if timed:
            for loop in loops:
                watch.wrap(loop.strategy, "ask", "propose (ask)")
                watch.wrap(loop.strategy, "tell", "learn (tell)")
                watch.wrap(loop.seen, "add", "drop duplicates")
                watch.wrap(loop.archive, "add", "keep the front")
            watch.wrap(bench.setup.table, "price", "price")
            watch.wrap(bench.setup.problem.space, "keys", "hash")
            watch.wrap(bench.setup.problem.space, "canonical", "mask inactive genes")
            watch.wrap(scorer, "start", "quality")
            watch.wrap(stage, "save", "checkpoints")
        elapsed = common.seconds(lambda: stage.run(None))
        watch.seconds["the rest"] = elapsed - sum(watch.seconds.values())
        return elapsed, sum(loop.progress.trials for loop in loops), watch.seconds


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    torch.set_num_threads(1)
    trials = 100_000 if args.quick else TRIALS
    report = common.Report("throughput", f"Feasible candidates a second, {trials:,} trials, one core")
    for strategy, arm in CASES:
        elapsed, ranked, _ = run(strategy, arm, trials, timed=False)
        label = f"{strategy}{', random arm beside it' if arm else ''}"
        target = ">= 200000" if strategy == "evolution" else ""
        report.add(f"{label}: all candidates", ranked / elapsed, "/s", target=target)
        if arm:
            report.add(f"{label}: its own candidates", trials / elapsed, "/s")
        _, _, parts = run(strategy, arm, trials, timed=True)
        whole = sum(parts.values())
        for name, spent in sorted(parts.items(), key=lambda item: -item[1]):
            report.add(f"  {name}", 100 * spent / whole, "%")
        report.details[label] = {"trials": trials, "ranked": ranked, "seconds": elapsed, "parts_s": parts}
    report.notes.append("shares of time come from a second run, with timers in it")
    common.finish(report, args)


if __name__ == "__main__":
    main()
