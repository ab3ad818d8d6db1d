"""What checkouts cost to import, and how fast they are, each in processes of its own that take turns."""

from __future__ import annotations

import json
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
SEARCH = ("search", "--space", "tiny32", "--target", "esp32s3", "--trials", "2000", "--front", "2")
COMMANDS = {
    "import vitnas": ("-c", "import vitnas"),
    "vitnas --help": ("-m", "vitnas", "--help"),
    "first use of the search entry": ("-c", ENTRY),
    "a small search, 2,000 trials": ("-m", "vitnas", *SEARCH),
}
BARE = ("-c", "pass")
# benchmark, the figure that counts, whether more is better
SPEEDS = (
    ("pricing", "candidates priced", True),
    ("loop_overhead", "evolution, durable log", False),
    ("default_search", "table cached: whole run", False),
)


def processor_times(checkouts: Sequence[Path], runs: int) -> dict[str, list[list[float]]]:
    """User CPU seconds over bare Python of each command, a list of ``runs`` for each checkout."""
    found: dict[str, list[list[float]]] = {name: [[] for _ in checkouts] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(runs + 1):  # the first one fills the file cache and the cache of tables
            for name, command in COMMANDS.items():
                bare = user_s(BARE, checkouts[0], folder)
                for k, checkout in _in_turn(checkouts, turn):
                    spent = user_s(command, checkout, folder) - bare
                    if turn:
                        found[name][k].append(spent)
    return found


def user_s(command: Sequence[str], checkout: Path, folder: str) -> float:
    """User CPU seconds of one process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _run([sys.executable, *command], checkout, Path(folder) / "cache" / checkout.name, work)
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
        except subprocess.CalledProcessError as error:
            failed.append(f"{name}.py failed in one checkout: {error.stderr.strip().splitlines()[-1]}")
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
    subprocess.run(command, cwd=work, env=environment, check=True, capture_output=True, text=True)


def _in_turn(checkouts: Sequence[Path], turn: int) -> list[tuple[int, Path]]:
    """A B, B A, A B, ..., so that a drift of the machine favours neither."""
    order = list(enumerate(checkouts))
    return order[::-1] if turn % 2 else order


def add_processor_times(report: common.Report, found: dict[str, list[list[float]]]) -> None:
    """Medians; the last checkout is the one that counts."""
    limits = {"first use of the search entry": 1.8}
    for name, lists in found.items():
        medians = [statistics.median(values) for values in lists]
        more: dict[str, Any] = {"beside": "before", "other": medians[0]} if len(medians) > 1 else {}
        limit = limits.get(name, round(1.1 * medians[0] + 0.01, 3) if more else None)
        target = "" if limit is None else f"<= {limit}"
        report.add(f"{name}, user CPU over bare Python", medians[-1], "s", target=target, **more)


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
