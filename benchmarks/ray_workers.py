"""Two Ray actors against two plain processes, on proxies that are measured; and what a batch alone costs.

Networks of efficientformer (drawn at random, the same for all) are built and scored by `naswot`, by the task
that a search gives its workers. The plain processes are ours (`Processes`): a pipe, one task at a time, no
Ray. Workers are up, and have scored a few networks, before the clock starts. Both take turns, so that a slow
minute of the machine meets both; the ratio is of the sums.
"""

from __future__ import annotations

import operator
import time
from typing import Any

import _common as common
import numpy as np

from vitnas.bench.task import NetworkTask
from vitnas.plugins import find_data
from vitnas.quality.proxy import ProxyQuality
from vitnas.space.files import load_space
from vitnas.workers import Workers, WorkerSettings, make_workers
from vitnas.workers.pool import Failure

SIZE, BATCH, WARM = 2, 32, 4
KINDS = {"2 Ray actors": WorkerSettings(SIZE, ray="local"), "2 plain processes": WorkerSettings(SIZE)}


def finish_all(pool: Workers, function: Any, items: list[Any]) -> float:
    """Seconds until all are back."""
    started = time.perf_counter()
    for item in items:
        pool.submit(function, item)
    results = []
    while finished := pool.wait():
        results += [result for _, result in finished]
    assert len(results) == len(items)
    assert not any(isinstance(result, Failure) or result == {} for result in results)
    return time.perf_counter() - started


def proxies(candidates: int, rounds: int) -> dict[str, float]:
    """Candidates a second by kind of workers."""
    space = load_space(find_data("search_spaces", "efficientformer"))
    genomes = space.sample(candidates, np.random.default_rng(0))
    items = [(genome.tobytes(), -1) for genome in genomes]
    function = NetworkTask((ProxyQuality("naswot"),), document=space.document)
    seconds = dict.fromkeys(KINDS, 0.0)
    pools = {kind: make_workers(settings) for kind, settings in KINDS.items()}
    try:
        for pool in pools.values():
            finish_all(pool, function, items[:WARM])
        for part in range(rounds):
            order = list(pools) if part % 2 else list(pools)[::-1]
            for kind in order:
                seconds[kind] += finish_all(pools[kind], function, items[part::rounds])
    finally:
        for pool in pools.values():
            pool.close()
    return {kind: candidates / spent for kind, spent in seconds.items()}


def empty_rate(settings: WorkerSettings, tasks: int) -> float:
    """Tasks a second that cost nothing."""
    with make_workers(settings) as pool:
        finish_all(pool, operator.index, list(range(1000)))
        return tasks / finish_all(pool, operator.index, list(range(tasks)))


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    candidates, rounds, tasks = (16, 1, 2_000) if args.quick else (200, 4, 40_000)
    rates = proxies(candidates, rounds)
    actors, processes = rates.values()
    in_batches = empty_rate(WorkerSettings(SIZE, ray="local", batch=BATCH), tasks)
    one_by_one = empty_rate(WorkerSettings(SIZE, ray="local", batch=1), tasks // 20)
    report = common.Report("ray_workers", f"Ray actors, {candidates} candidates scored by naswot")
    report.add("2 Ray actors, candidates", actors, "/s", beside="2 plain processes", other=processes)
    report.add("  of what 2 plain processes reach", actors / processes, target=">= 0.95")
    report.add(
        f"tasks that cost nothing, batches of {BATCH}",
        in_batches,
        "/s",
        beside="one by one",
        other=one_by_one,
    )
    report.notes.append(
        f"{rounds} turns each; workers have one thread, and the machine {SIZE} cores for them"
    )
    common.finish(report, args)


if __name__ == "__main__":
    main()
