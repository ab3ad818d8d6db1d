"""What all benchmarks share. Import it before NumPy and torch: it keeps them on one thread."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "numpy", "optuna", "fvcore", "moocore", "onnxruntime")
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


@dataclass(frozen=True)
class Figure:
    """One measured number beside what it is compared with.

    Attributes:
        beside: what the ratio refers to; the ratio is ``value / other``.
        target: such as ``>= 500000``; empty if there is none.
        interval: 95 % interval of the value.
    """

    what: str
    value: float
    unit: str = ""
    target: str = ""
    beside: str = ""
    other: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """``value / other``."""
        return self.value / self.other if self.other else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if not self.target:
            return None
        sign, limit = self.target.split()
        return {"<=": self.value <= float(limit), ">=": self.value >= float(limit)}[sign]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "met": self.met}


@dataclass
class Report:
    """What a benchmark found."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str = "", **more: Any) -> None:
        self.figures.append(Figure(what, float(value), unit, **more))


def arguments(
    doc: str | None, add: Callable[[argparse.ArgumentParser], object] = lambda parser: None
) -> argparse.Namespace:
    """``--json FILE``, ``--quick`` and what ``add`` adds."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--json", type=Path, help="where the JSON goes [default: benchmarks/results/NAME.json]"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test: few repeats; writes JSON only with --json"
    )
    add(parser)
    return parser.parse_args()


def finish(report: Report, args: argparse.Namespace) -> None:
    """Print the report and write its JSON."""
    print(f"{report.title}{' (quick: figures mean little)' if args.quick else ''}")
    head = ("", "value", "beside it", "its value", "ratio", "target", "")
    print_table([head, *(cells(f) for f in report.figures)])
    for note in report.notes:
        print(f"- {note}")
    write(report, args)


def write(report: Report, args: argparse.Namespace) -> None:
    """The report as JSON, where ``args`` say so."""
    path = args.json or (None if args.quick else RESULTS / f"{report.name}.json")
    if path is None:
        return
    document = {"benchmark": report.name, "title": report.title, "quick": args.quick, "machine": machine()}
    document |= {"figures": [f.to_dict() for f in report.figures], "details": report.details}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document | {"notes": report.notes}, indent=1) + "\n", encoding="utf-8")


def cells(figure: Figure) -> tuple[str, ...]:
    value = f"{number(figure.value)} {figure.unit}".strip()
    if figure.interval:
        value += " [{} to {}]".format(*(number(v) for v in figure.interval))
    other = f"{number(figure.other)} {figure.unit}".strip() if figure.other is not None else ""
    ratio = "" if figure.ratio is None else f"x {number(figure.ratio)}"
    if figure.ratio is not None and 0 < figure.ratio < 0.1:
        ratio = f"1 / {number(1 / figure.ratio)}"
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    sign, limit = figure.target.split() if figure.target else ("", "")
    return (
        figure.what,
        value,
        figure.beside,
        other,
        ratio,
        f"{sign} {number(float(limit))}" if limit else "",
        verdict,
    )


def number(value: float) -> str:
    """Three digits, thousands separated."""
    if not math.isfinite(value) or value == int(value):
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(digits, 0)}f}"


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns aligned, the first to the left and the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  ".join([row[0].ljust(widths[0]), *rest]).rstrip())


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Of ``repeats`` calls after one that does not count."""
    work()
    return statistics.median(seconds(work) for _ in range(repeats))


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Mean and its 95 % interval by Student's t; values are independent."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, (math.nan, math.nan)
    half = T_975[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return mean, (mean - half, mean + half)


def run_python(
    code: str, *arguments: str, cache: str | None = None, threads: int = 1, cwd: str | None = None
) -> Any:
    """Run code in a fresh interpreter; what it prints last is JSON."""
    environment = (
        os.environ | dict.fromkeys(THREADS, str(threads)) | ({"VITNAS_CACHE": cache} if cache else {})
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, cwd=cwd, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


def machine() -> dict[str, Any]:
    """What figures depend on; nothing that names the machine."""
    found: dict[str, Any] = {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.system()}
    found |= {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def cpu_model() -> str:
    """As the system calls it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class Stopwatch:
    """Time spent inside wrapped methods, without that of wrapped methods inside them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def wrap(self, owner: object, method: str, label: str) -> None:
        """Count the time of ``owner.method`` under ``label``; ``owner`` is changed."""
        original: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            started = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                spent = time.perf_counter() - started
                self.seconds[label] = self.seconds.get(label, 0.0) + spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        setattr(owner, method, timed)
