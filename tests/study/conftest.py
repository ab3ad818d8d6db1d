"""Studies in a file, of a made-up run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vitnas.study.spec import StudySpec, StudyTrial
from vitnas.study.url import StorageUrl

SPEC = StudySpec(
    name="run-1",
    run="0123456789abcdef",
    metrics=(("quality", "maximize"), ("latency_ms", "minimize")),
    choices={
        "stages.0.width": (24, 32, 40),
        "expansion": (2, 2.5, 3),
        "heads": (2, 4, 8),
        "tied": (False, True),
        "op": ("conv", "attention"),
    },
    constraints=("max-latency", "max-params"),
    attributes={"space": "demo", "seed": 0},
)
TRIALS = [
    StudyTrial(
        genome="000102",
        params={"stages.0.width": 40, "expansion": 2.5, "heads": 8, "tied": True, "op": "conv"},
        values=(-3.25, 1.5),
        constraints=(-0.1, 0.0),
        attributes={"id": "a1", "params": 10_000, "score.naswot": 1e-7, "health": "ok"},
        seconds=2.5,
    ),
    StudyTrial("000103", {"op": "attention"}, (float("inf"), 0.1), (0.5, -1.0), {"note": 'µ "x"'}),
    StudyTrial("000104", {"heads": 2}, None, (0.0, float("nan")), {"failure": "killed two workers"}),
]


@pytest.fixture
def spec() -> StudySpec:
    return SPEC


@pytest.fixture
def trials() -> list[StudyTrial]:
    return list(TRIALS)


@pytest.fixture
def url(tmp_path: Path) -> StorageUrl:
    return StorageUrl(f"sqlite:///{tmp_path}/study.db")


@pytest.fixture
def many() -> list[StudyTrial]:
    return [dataclasses.replace(TRIALS[0], genome=f"{k:06x}") for k in range(40)]
