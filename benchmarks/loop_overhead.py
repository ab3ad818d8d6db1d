"""What a trial costs beside its evaluation, beside Optuna's NSGA-II in memory and on SQLite.

Ours: `evolution` with 32 candidates in flight, as with a quality that builds networks: ask, price, drop what
is known or infeasible, name, write durable lines, tell. Only the evaluation itself is replaced: workers that
answer at once, and the quality `capacity`. Optuna: NSGA-II, population 50, the same parameters,
objectives and constraint; only its ask and tell are timed. On SQLite it is timed in trials 901 to 1,000
(added to the storage in bulk up to there): later ones would cost more, so that ratio is a lower bound.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import _common as common
from _fake import fake_loop, open_log
from _optuna_run import OptunaRun
from _problem import Bench, default_bench

from vitnas.quality.base import BATCH
from vitnas.workers import Serial


def ours(bench: Bench, first: int, last: int) -> tuple[float, dict[str, float], float]:
    """Seconds a trial between two trials, by part, and candidates asked for a trial."""
    with tempfile.TemporaryDirectory() as folder, open_log(folder) as log:
        pool = Serial()
        loop = fake_loop(bench, pool, log, "evolution", BATCH["networks"])
        scorer: Any = loop.scorer
        loop.run(first)
        watch = common.Stopwatch()
        watch.wrap(scorer.rating.quality, "rate", "evaluation")
        watch.wrap(pool, "wait", "evaluation")
        watch.wrap(log, "append_many", "durable lines")
        watch.wrap(scorer, "start", "name and look up")
        for owner, method in ((loop.strategy, "ask"), (loop.strategy, "tell"), (bench.setup.table, "price")):
            watch.wrap(owner, method, method)
        before, asked = loop.progress.trials, loop.progress.asked
        whole = common.seconds(lambda: loop.run(last))
    trials = loop.progress.trials - before
    evaluation = watch.seconds.pop("evaluation")
    parts = {name: spent / trials for name, spent in watch.seconds.items()}
    overhead = (whole - evaluation) / trials
    parts["dedup and the rest"] = overhead - sum(parts.values())
    return overhead, parts, (loop.progress.asked - asked) / trials


def bare_fsync(repeats: int) -> float:
    """Median seconds of appending 300 bytes and waiting for the disk: no durable line is quicker."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("ab") as file:

        def append() -> None:
            file.write(b"x" * 300)
            file.flush()
            os.fsync(file.fileno())

        return common.median_seconds(append, repeats)


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    first, last = (300, 500) if args.quick else (9_000, 10_000)
    few, slice_ = (100, 5) if args.quick else (900, 100)
    bench = default_bench()
    overhead, parts, asked = ours(bench, first, last)
    memory = OptunaRun(bench, None)
    memory.go_on(few)
    early = memory.study.trials
    memory.go_on(first - few)
    in_memory = memory.go_on(last - first)
    with tempfile.TemporaryDirectory() as folder:
        sqlite = OptunaRun(bench, f"sqlite:///{folder}/study.db")
        sqlite.study.add_trials(early)
        on_sqlite = sqlite.go_on(slice_)
    report = common.Report("loop_overhead", f"Overhead a trial, trials {first + 1:,} to {last:,}")
    ms = 1e3 * overhead
    report.add(
        "evolution, durable log", ms, "ms", target="<= 2",
        beside="Optuna NSGA-II in memory, nothing kept", other=1e3 * in_memory,
    )  # fmt: skip
    report.add(
        "evolution, durable log", ms, "ms",
        beside=f"Optuna NSGA-II on SQLite, trials {few + 1} to {few + slice_}", other=1e3 * on_sqlite,
    )  # fmt: skip
    for name, spent in sorted(parts.items(), key=lambda item: -item[1]):
        report.add(f"  of it: {name}", 1e3 * spent, "ms", beside="all", other=ms)
    wait = bare_fsync(20 if args.quick else 500)
    report.add("appending 300 bytes and fsync alone, this disk", 1e3 * wait, "ms", beside="all", other=ms)
    report.add("candidates priced for each feasible new one", asked)
    parameters = len(memory.columns)
    report.notes.append(f"{parameters} parameters, {bench.setup.problem.n_objectives} objectives, 2 budgets")
    report.notes.append(
        "ours counts new feasible candidates as trials; Optuna's count infeasible and repeated ones too"
    )
    report.details = {"parameters": parameters, "sqlite_trials": slice_}
    common.finish(report, args)


if __name__ == "__main__":
    main()
