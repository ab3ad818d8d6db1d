"""Made-up results with everything that a report has to show."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console, RenderableType

from vitnas.events import Snapshot
from vitnas.hardware.targets import Coverage, Target
from vitnas.run.result import DryRun, Member, SearchResult
from vitnas.searching.config import SearchConfig

ROW = {
    "name": "efficientformer-s0", "id": "0123456789ab", "params": 3_600_256, "macs": 400_000_000,
    "activations": 5_000_000, "peak_bytes": 2 * 2**20, "latency_ms": 0.9, "scores": {},
}  # fmt: skip
LABEL = "iphone12-coreml-ios16-fit-v1 (fitted, not measured, ±10 %)"


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "iphone12",
        "label": LABEL,
        "kind": "fitted",
        "metric": "latency",
        "cost": "latency_ms",
        "band": 0.0965,
        "batch": 1,
        "dtype": "float16",
    }
    return Target(**{**values, **changes})


def member(number: int, **changes: Any) -> Member:
    costs = {
        "params": 3_000_000 + 1_200_000 * number,
        "macs": 400_000_000 + 110_000_000 * number,
        "activations": 4_000_000 + 300_000 * number,
        "peak_bytes": 1_605_632 + 90_000 * number,
        "latency_ms": 0.85 + 0.09 * number,
    }
    values: dict[str, Any] = {
        "name": "efficientformer",
        "id": f"{number:02d}a1b2c3d4e5",
        "genome": (1, 2, 3),
        "costs": costs,
        "quality": 0.3 + 0.05 * number,
        "depth": 22 + number,
        "written": f"best/{number:02d}-{number:02d}a1b2c3d4e5.yaml",
        "health": {"verdict": "ok", "reasons": []},
        "scores": {"naswot": {"value": 130.5, "standard": 0.4}},
    }
    return Member(**{**values, **changes})


def published(name: str, number: int, **changes: Any) -> Member:
    facts = {"reference": name, "top1": 75.7 + number, "latency_ms": {"iphone12": 0.9 + 0.1 * number}}
    values = {"name": f"efficientformer-{name}", "written": "", "facts": facts, "id": f"{name:0>12}"}
    return member(number, **{**values, **changes})


def result(**changes: Any) -> SearchResult:
    values: dict[str, Any] = {
        "config": SearchConfig("efficientformer", "iphone12", budgets=(("max-latency", "1.6ms"),)),
        "path": Path("runs/efficientformer-iphone12-1"),
        "state": "finished",
        "objectives": ("quality", "latency", "params"),
        "front": tuple(member(k) for k in range(1, 9)),
        "references": (
            published("s0", 1),
            published("s2", 6, out_of_domain=("gmacs 0.1 is outside 0.27 to 36",)),
            published("l", 14, feasible=False),
        ),
        "front_size": 133,
        "trials": 2_000_000,
        "asked": 2_311_004,
        "failed": 0,
        "seconds": 41.2,
        "hypervolume": 0.912,
        "random_hypervolume": 0.842,
        "targets": (target(),),
        "files": tuple(member(k).written for k in range(1, 9)),
    }
    return SearchResult(**{**values, **changes})


def snapshot(trials: int = 680_000, points: int = 60, **changes: Any) -> Snapshot:
    rng = np.random.default_rng(trials)
    latency_ms = rng.uniform(0.7, 1.6, points)
    quality = 0.4 + 0.5 * np.log(latency_ms) - 0.1 * rng.random(points)
    values: dict[str, Any] = {
        "trials": trials,
        "target_trials": 2_000_000,
        "seconds": 3.4,
        "rate": 200_000.0,
        "objectives": ("quality", "latency", "params"),
        "front": np.stack([quality, latency_ms, 8e6 * latency_ms], axis=1),
        "hypervolume": 0.912,
        "random_hypervolume": 0.842,
    }
    return Snapshot(**{**values, **changes})


def dry(**changes: Any) -> DryRun:
    values: dict[str, Any] = {
        "space": "efficientformer",
        "size": 4_512_345_678_901_234_567_890,
        "genes": 57,
        "costs": {
            "latency_ms": (0.61, 1.72, 5.9),
            "params": (1.9e6, 11.3e6, 61.0e6),
            "macs": (2.1e8, 1.31e9, 6.2e9),
            "peak_bytes": (800_000.0, 1_700_000.0, 4_100_000.0),
        },
        "budgets": {"latency_ms <= 1.60 ms": 0.31, "params <= 2.00 M": 0.00002, "all": 0.0},
        "trials": 2_000_000,
        "trials_per_s": 214_000.0,
        "seconds": 49.3,
        "objectives": ("quality", "latency", "params"),
        "targets": (target(),),
    }
    return DryRun(**{**values, **changes})


@pytest.fixture
def fakes() -> SimpleNamespace:
    """Makers of events; keyword arguments replace attributes."""
    return SimpleNamespace(
        member=member,
        published=published,
        result=result,
        snapshot=snapshot,
        dry=dry,
        target=target,
        coverage=Coverage,
        label=LABEL,
    )


def lines_of(renderable: RenderableType, width: int = 80) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(renderable)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def row(lines: list[str], start: str) -> str:
    return next(line.strip() for line in lines if line.strip().startswith(start))
