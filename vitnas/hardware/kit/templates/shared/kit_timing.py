# ruff: noqa: T201
"""Times the models of this kit and writes a results file; needs Python 3.8 and NumPy only.

The scripts beside it say how a model is loaded. A row is on the disk as soon as a model is measured: stop at
any time, the same command goes on.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

KIT = os.path.dirname(os.path.abspath(__file__))
COLUMNS = ["id", "latency_ms", "iqr_ms", "runs"]
WARM_UP_RUNS, WARM_UP_MS = 3, 10.0
LEAST_MS, MOST_RUNS = 25.0, 300  # short models run more often
NOISY, VISITS = 0.05, 3  # IQR / median above which a model is timed again, and how often at most


def arguments(doc: str | None, results: str) -> argparse.ArgumentParser:
    """The command line that all kits share."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--runs", type=int, default=30, help="timed calls of a model, at least [30]")
    parser.add_argument("--out", default=os.path.join(KIT, results), help=f"results file [{results}]")
    return parser


def measure_all(
    load: Callable[[str, Sequence[int]], Callable[[], object]],
    conditions: dict[str, Any],
    out: str,
    least_runs: int,
) -> int:
    """Time every model of probes.csv that has no result yet; returns how many could not be run.

    ``load(path, shape)`` returns a function that runs the model once; ``conditions`` say where they run.
    """
    probes = read_probes()
    keep_conditions(conditions, os.path.splitext(out)[0] + ".conditions.json")
    done = end_last_line(out)
    todo = [probe for probe in probes if probe["id"] not in done]
    random.Random(0).shuffle(todo)  # a machine that warms up slows all kinds of models alike
    print(f"{len(probes)} models, {len(probes) - len(todo)} measured before", file=sys.stderr)
    start, failed = time.monotonic(), 0
    is_new = not os.path.exists(out) or os.path.getsize(out) == 0
    with open(out, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        for number, probe in enumerate(todo, start=1):
            path = os.path.join(KIT, *probe["file"].split("/"))
            try:
                median, iqr, runs = calmest(load(path, probe["shape"]), least_runs)
            except Exception as problem:  # a runtime raises anything; the rest goes on
                failed += 1
                print(f"could not run {probe['id']} {probe['name']}: {problem}", file=sys.stderr)
                continue
            writer.writerow([probe["id"], f"{median:.6g}", f"{iqr:.3g}", runs])
            file.flush()
            os.fsync(file.fileno())
            left = (time.monotonic() - start) / number * (len(todo) - number)
            words = f"{number} of {len(todo)}, about {left:.0f} s left: {median:.3f} ms {probe['name']}"
            print(words, file=sys.stderr)
    print(f"wrote {out}; {failed} models could not be run", file=sys.stderr)
    return failed


def read_probes() -> list[dict[str, Any]]:
    """The models that are there, with the shapes of their inputs."""
    with open(os.path.join(KIT, "kit.json"), encoding="utf-8") as file:
        probes = json.load(file)["probes"]
    return [probe for probe in probes if os.path.exists(os.path.join(KIT, *probe["file"].split("/")))]


def keep_conditions(conditions: dict[str, Any], path: str) -> None:
    """Write what the results are results of; refuse to mix two kinds in one file."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            before = json.load(file)
        for name in sorted(set(before) | set(conditions)):
            if before.get(name) != conditions.get(name):
                sys.exit(
                    f"the results were begun with {name} {before.get(name)}, not {conditions.get(name)}; "
                    "name another file with --out"
                )
        return
    part = path + ".part"  # whole or not at all
    with open(part, "w", encoding="utf-8") as file:
        json.dump(conditions, file, indent=1)
    os.replace(part, path)


def end_last_line(path: str) -> set[str]:
    """Cut off a row that was being written when the script was stopped; the ids of the rows that stay."""
    if not os.path.exists(path):
        return set()
    with open(path, "rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)
    with open(path, newline="", encoding="utf-8") as file:
        return {row["id"] for row in csv.DictReader(file) if row.get("latency_ms")}


def calmest(run: Callable[[], object], least_runs: int) -> tuple[float, float, int]:
    """Median, interquartile range (ms) and runs; a noisy model is timed again."""
    best = time_once(run, least_runs)
    for _ in range(VISITS - 1):
        if best[1] > NOISY * best[0]:
            found = time_once(run, least_runs)
            best = min(best, found, key=lambda times: times[1] / times[0])
    return best


def time_once(run: Callable[[], object], least_runs: int) -> tuple[float, float, int]:
    """Median, interquartile range (ms) and runs over warm calls."""
    spent, warm = 0.0, 0
    while warm < WARM_UP_RUNS or (spent < WARM_UP_MS and warm < least_runs):
        spent += call_ms(run)
        warm += 1
    each = max(spent / warm, 1e-4)
    runs = int(min(max(least_runs, LEAST_MS / each), max(MOST_RUNS, least_runs)))
    gc.disable()
    try:
        times = [call_ms(run) for _ in range(runs)]
    finally:
        gc.enable()
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75])
    return float(median), float(high - low), runs


def call_ms(run: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)


def noise(shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """An input of float32, the same every time."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)
