"""Run folders of vitnas 0.1.0 open: they are listed, gone on with, studied, asked for labels and scored."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import sqlite3
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import golden_files
from .conftest import Searches

OLD = Path(__file__).parents[1] / "fixtures" / "runs_0_1_0"
RUNS: dict[str, dict[str, Any]] = yaml.safe_load((OLD / "runs.yaml").read_text(encoding="utf-8"))
EXPECTED = sorted(file.stem for file in (OLD / "expected").glob("*.json"))
ENDED = {"SIGINT": "interrupted", "SIGKILL": "died"}
Run = Callable[..., Path]


@pytest.fixture
def run(searches: Searches, request: pytest.FixtureRequest) -> Run:
    """Runs commands beside copies of old runs; gives the folder where they ran."""

    def call(names: list[str], *commands: str) -> Path:
        folder = searches.folder(request.node.name)
        for name in names:
            shutil.copytree(OLD / name, folder / "runs" / name)
        return searches.run(request.node.name, commands)

    return call


def state_of(name: str) -> str:
    return ENDED[RUNS[name]["ended"]] if "ended" in RUNS[name] else "finished"


def test_all_are_listed_and_can_be_gone_on_with(run: Run) -> None:
    names = [name for name in RUNS if name != "checked"]
    listed = json.loads((run(names, "runs --json") / "out.txt").read_text())
    assert {row["name"]: row["state"] for row in listed} == {name: state_of(name) for name in names}
    assert [row["problem"] for row in listed] == [""] * len(names)
    trials = {row["name"]: row["trials"] for row in listed}
    assert (trials["capacity"], trials["proxy"], trials["reinforce"]) == (3000, 12, 40)
    best = {row["name"]: row["best"] for row in listed}
    front = golden_files.front(OLD / "capacity" / "front.json")
    assert best["capacity"] == max(member["quality"] for member in front["members"])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_goes_on_to_the_same_front(run: Run, name: str) -> None:
    if (
        name == "tpe"
        and version("optuna") != json.loads((OLD / "tpe/manifest.json").read_text())["versions"]["optuna"]
    ):
        pytest.skip("another version of optuna may propose other networks")
    folder = run([name], *RUNS[name]["then"]) / "runs" / name
    (found,) = [
        golden_files.front(folder / file)
        for file in ("front.json", "family.json")
        if (folder / file).exists()
    ]
    expected = json.loads((OLD / "expected" / f"{name}.json").read_text(encoding="utf-8"))
    differences = [
        where
        for where in golden_files.differences(expected, found, golden_files.NETWORKS)
        if ".capacity:" not in where  # beside a family's members; its formula has changed since
    ]
    assert not differences, "\n".join(differences[:20])
    assert json.loads((folder / "manifest.json").read_text())["state"] == "finished"


def test_what_was_measured_is_not_measured_again(run: Run) -> None:
    folder = run(["checked"], *RUNS["checked"]["then"]) / "runs" / "checked"
    for file in OLD.joinpath("checked").glob("*.jsonl"):
        assert (folder / file.name).read_bytes() == file.read_bytes()
    (before,), (after,) = (list(where.glob("accuracy.json")) for where in (OLD / "checked", folder))
    taus = [
        {e["proxy"]: e["tau"] for e in json.loads(file.read_text())["proxies"]} for file in (before, after)
    ]
    assert taus[0].keys() == taus[1].keys() and taus[1] == pytest.approx(taus[0], rel=golden_files.NETWORKS)


def test_they_become_studies(run: Run) -> None:
    names = ["capacity", "proxy", "rungs", "trained"]
    folder = run(names, *(f"study runs/{name} --storage sqlite:///study.db" for name in names))
    with sqlite3.connect(folder / "study.db") as storage:
        rows = storage.execute(
            "select study_name, count(*) from trials join studies using (study_id) group by study_name"
        )
        trials = dict(rows.fetchall())
    assert trials.keys() == set(names)
    assert trials["trained"] == 2 and trials["proxy"] >= 12
    whole = json.loads((OLD / "capacity" / "whole_front.json").read_text())
    assert trials["capacity"] >= len(whole["genomes"])


def test_they_ask_for_labels_and_teach(run: Run) -> None:
    folder = run(
        ["capacity", "rungs"],
        "label runs/rungs -n 5",
        "label runs/rungs --add labels.csv --label accuracy",
        "search --labels runs/capacity --trials 1k --front 1 --name taught",
    )
    with (folder / "runs/rungs/to_label/to_label.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all((folder / "runs/rungs/to_label" / row["file"]).exists() for row in rows)
    assert "added 40 labels" in (folder / "out.txt").read_text()
    notes = golden_files.front(folder / "runs/taught/front.json")["notes"]
    assert notes[0].startswith("fitted on 40 labels (accuracy of runs/capacity)")


def test_their_networks_are_scored(run: Run) -> None:
    best = sorted(f"runs/capacity/best/{file.name}" for file in (OLD / "capacity" / "best").iterdir())
    others = ["runs/reinforce/choice.yaml", "runs/grown/family/45k.yaml"]
    folder = run(
        ["capacity", "grown", "reinforce"],
        f"score {shlex.join([*best, *others])} --target phone --proxy naswot --json",
    )
    scored = json.loads((folder / "out.txt").read_text())
    assert len(scored) == len(best) + 2 and all(row["params"] > 0 for row in scored)
    front = golden_files.front(OLD / "capacity" / "front.json")
    for row, member in zip(scored, front["members"], strict=False):
        for figure in ("params", "macs", "latency_ms"):
            assert row[figure] == pytest.approx(member["costs"][figure], rel=1e-9, abs=1e-9)
