"""Evaluations a second that one driver tells and logs, with two Ray actors and candidates that cost nothing.

The loop, the log and the actors are those of a search (efficientformer on iphone12): ask, price, drop what
is known, send genomes to the actors in batches of 32, write what comes back as durable lines in groups,
tell. Only the networks are not built. Beside it: workers in this process instead of actors, actors that
also decode the genome and hash the network, and Ray Tune on the same work (a function that returns at once,
as many trials at a time as there are actors; reused actors, and a fresh one for each trial, its default).
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _common as common
from _fake import FakeBench, decoding, fake_loop, open_log
from _problem import Bench, default_bench

from vitnas.cost.table import CostTable
from vitnas.workers import Serial, Workers, WorkerSettings, make_workers

ACTORS, BATCH, IN_FLIGHT = 2, 32, 1024
WARM = 2_000  # trials before the clock starts: actors are up, the front is there


class DecodingBench(FakeBench):
    """Workers that decode the genome and hash the network as well."""

    def __init__(self, table: CostTable, *args: Any, **settings: Any) -> None:
        super().__init__(table, *args, **settings)
        self.free = decoding(table.space)


def ours(
    bench: Bench,
    workers: Callable[[], Workers],
    trials: int,
    strategy: str,
    networks: type[FakeBench] = FakeBench,
) -> tuple[float, float]:
    """Evaluations a second, and the driver's own seconds of the processor for each."""
    with tempfile.TemporaryDirectory() as folder, open_log(folder) as log, workers() as pool:
        loop = fake_loop(bench, pool, log, strategy, IN_FLIGHT, networks=networks)
        loop.run(WARM)
        before, cpu_s, started = loop.progress.trials, time.process_time(), time.perf_counter()
        loop.run(before + trials)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        assert len(log) >= loop.progress.trials, "all that was told is in the log"
        done = loop.progress.trials - before
    return done / seconds, cpu_s / done


def actors() -> Workers:
    """Two, with batches of 32; they find what stands beside this file."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    return make_workers(WorkerSettings(number=ACTORS, ray="local", batch=BATCH))


def tune_rate(trials: int, reuse: bool) -> float:
    """Trials a second of Ray Tune."""
    import ray
    from ray import tune

    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    ray.init(
        "local",
        num_cpus=ACTORS,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        logging_level=logging.ERROR,
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            tuner = tune.Tuner(
                _trial,
                param_space={f"gene_{k}": tune.randint(0, 4) for k in range(54)},
                tune_config=tune.TuneConfig(
                    num_samples=trials, reuse_actors=reuse, max_concurrent_trials=ACTORS
                ),
                run_config=tune.RunConfig(storage_path=folder, verbose=0),
            )
            seconds = common.seconds(tuner.fit)
    finally:
        ray.shutdown()
    return trials / seconds


def _trial(genes: dict[str, int]) -> dict[str, float]:
    return {"score": float(sum(genes.values()))}


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    trials, tuned = (2_000, 4) if args.quick else (50_000, 20)
    bench = default_bench()
    reused = tune_rate(3 * tuned, reuse=True)
    fresh = tune_rate(tuned, reuse=False)
    report = common.Report(
        "driver_rate", "Evaluations told and logged a second, candidates that cost nothing"
    )
    for strategy in ("random", "evolution"):
        rate, cpu_s = ours(bench, actors, trials, strategy)
        report.add(
            f"{strategy}, {ACTORS} Ray actors, batches of {BATCH}", rate, "/s", target=">= 5000",
            beside="Ray Tune, reused actors", other=reused,
        )  # fmt: skip
        report.add("  processor time of the driver", 1e6 * cpu_s, "us")
        alone, cpu_s = ours(bench, Serial, trials, strategy)
        report.add(f"{strategy}, workers in this process", alone, "/s", beside="2 actors", other=rate)
        report.add("  processor time of the driver", 1e6 * cpu_s, "us")
    rate, _ = ours(bench, actors, trials // 5, "random", DecodingBench)
    report.add(
        "random, actors that also decode and hash", rate, "/s", beside="Ray Tune, reused actors", other=reused
    )
    report.add("Ray Tune, a fresh actor a trial (default)", fresh, "/s", beside="reused actors", other=reused)
    report.notes.append(
        f"{IN_FLIGHT} candidates in flight; {trials:,} evaluations each after {WARM:,} that do not count"
    )
    report.notes.append("lines are on the disk (fsync) before they are told, a group at a time")
    common.finish(report, args)


if __name__ == "__main__":
    main()
