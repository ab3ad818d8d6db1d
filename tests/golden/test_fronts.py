"""Fronts of equal seeds stay the same: small searches on the command line, beside what vitnas 0.1.0 found."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from . import golden_files
from .conftest import Searches

FRONTS = Path(__file__).parent / "fronts"


@pytest.mark.parametrize("case", golden_files.GOLDEN)
def test_the_front_is_the_golden_one(case: str, searches: Searches) -> None:
    golden = json.loads((FRONTS / f"{case}.json").read_text(encoding="utf-8"))
    if "optuna" in case and golden["optuna"] != version("optuna"):
        pytest.skip(f"optuna {golden['optuna']} proposed this front; another version may propose another")
    found = golden_files.document(case, searches.run(case, golden_files.CASES[case]["run"]))
    differences = list(golden_files.differences(golden["fronts"], found["fronts"], golden_files.GOLDEN[case]))
    assert not differences, "\n".join(differences[:20])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("genome", [1]),
        ("quality", -3.2000001),
        ("costs", {"params": 11}),
        ("costs", {"params": 10.0}),
        ("health", {"verdict": "bad", "loss": 2.3}),
        ("health", {"verdict": "ok", "loss": 2.31}),
        ("file", "best/02.yaml"),
    ],
)
def test_a_change_of_a_front_is_seen(place: str, value: object) -> None:
    front = {"genome": [0], "quality": -3.2, "costs": {"params": 10}, "file": "best/01.yaml"}
    front["health"] = {"verdict": "ok", "loss": 2.3}
    close = front | {"quality": -3.2000000001, "health": {"verdict": "ok", "loss": 2.3001}}
    assert not list(golden_files.differences(front, close, 1e-9))
    assert list(golden_files.differences(front, front | {place: value}, 1e-9))


def test_every_golden_file_has_its_case() -> None:
    assert {file.stem for file in FRONTS.glob("*.json")} == set(golden_files.GOLDEN)
