"""What checkouts cost to import, and how fast they are, each in processes of its own that take turns."""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common

ENTRY = """
import vitnas
entry = getattr(vitnas, "search", None)
entry = entry if callable(entry) else vitnas.run_search
"""
BARE = "bare Python"
DRY_RUN = ("search", "--space", "efficientformer", "--target", "iphone12", "--dry-run")
COMMANDS = {
    BARE: ("-c", "pass"),
    "import vitnas": ("-c", "import vitnas"),
    "vitnas --help": ("-m", "vitnas", "--help"),
    "first use of the search entry": ("-c", ENTRY),
    "a dry run, its table cached": ("-m", "vitnas", *DRY_RUN),
}
SLOW = ("first use of the search entry", "a dry run, its table cached")
LIMITS = {  # of seconds; the others are to be no worse than before, by 10 % and 0.01 s
    "first use of the search entry": 1.8,
    "a dry run, its table cached": math.inf,
    BARE: math.inf,
}
# benchmark, the figure that counts, whether more is better
SPEEDS = (
    ("pricing", "candidates priced", True),
    ("loop_overhead", "evolution, durable log", False),
    ("default_search", "table cached: whole run", False),
)


class Failed(Exception):
    """A command ended with an error."""


def processor_times(checkouts: Sequence[Path], runs: int) -> dict[str, list[list[float]]]:
    """User CPU seconds of each command, a list for each checkout: ``runs``, four times that of quick ones."""
    found: dict[str, list[list[float]]] = {name: [[] for _ in checkouts] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(runs + 1):  # the first one fills the file cache and the cache of tables
            several = [name for name in COMMANDS for _ in range(1 if name in SLOW else 4)]
            for name in several:
                for k, checkout in _in_turn(checkouts, turn):
                    spent = user_s(COMMANDS[name], checkout, Path(folder, str(k)))
                    if turn:
                        found[name][k].append(spent)
    return found


def user_s(command: Sequence[str], checkout: Path, cache: Path) -> float:
    """User CPU seconds of one process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with tempfile.TemporaryDirectory() as work:
        _run([sys.executable, *command], checkout, cache, work)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def speeds(checkouts: Sequence[Path], pairs: int) -> tuple[dict[str, list[list[float]]], list[str]]:
    """The figure of each checkout's own benchmark in ``SPEEDS``, and what could not be measured."""
    found: dict[str, list[list[float]]] = {}
    failed = []
    for name, figure, _ in SPEEDS:
        values: list[list[float]] = [[] for _ in checkouts]
        try:
            for turn in range(pairs):
                for k, checkout in _in_turn(checkouts, turn):
                    values[k].append(_benchmark(checkout, name, figure))
        except Failed as error:
            failed.append(str(error))
        else:
            found[name] = values
    return found, failed


def _benchmark(checkout: Path, name: str, figure: str) -> float:
    """One figure of a quick run of the checkout's own benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        script = checkout / "benchmarks" / f"{name}.py"
        command = [sys.executable, str(script), "--quick", "--json", str(out)]
        _run(command, checkout, Path(folder) / "cache", folder)
        document = json.loads(out.read_text(encoding="utf-8"))
    values: list[float] = [f["value"] for f in document["figures"] if f["what"].startswith(figure)]
    return values[0]


def _run(command: list[str], checkout: Path, cache: Path, work: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(checkout), "VITNAS_CACHE": str(cache)}
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Failed(f"{Path(command[1]).name} {' '.join(command[2:4])} failed in one checkout: {last}")


def _in_turn(checkouts: Sequence[Path], turn: int) -> list[tuple[int, Path]]:
    """A B, B A, A B, ..., so that a drift of the machine favours neither."""
    order = list(enumerate(checkouts))
    return order[::-1] if turn % 2 else order


def add_processor_times(report: common.Report, found: dict[str, list[list[float]]]) -> None:
    """The least of the runs, for what else runs only adds; the last checkout is the one that counts."""
    bare = min(min(values) for values in found[BARE])
    for name, lists in found.items():
        least = [min(values) - (0 if name == BARE else bare) for values in lists]
        more: dict[str, Any] = {"beside": "before", "other": least[0]} if len(least) > 1 else {}
        limit = LIMITS.get(name, round(1.1 * least[0] + 0.01, 3) if more else math.inf)
        target = f"<= {limit}" if math.isfinite(limit) else ""
        over = "" if name == BARE else " over bare Python"
        report.add(f"{name}, user CPU{over}", least[-1], "s", target=target, **more)


def add_speeds(report: common.Report, found: dict[str, list[list[float]]]) -> None:
    """Median of the paired ratios of time, after / before, and the range of the pairs."""
    for name, _, more_is_better in SPEEDS:
        if name in found:
            before, after = found[name]
            pairs = zip(before, after, strict=True)
            ratios = [a / b if more_is_better else b / a for a, b in pairs]
            report.add(
                f"{name}.py --quick, time after / before", statistics.median(ratios), "x",
                target="<= 1.05", interval=(min(ratios), max(ratios)),
            )  # fmt: skip
