"""A last rung that trains: what it takes, keeps and says; Ray Tune is replaced by made-up accuracies."""

from __future__ import annotations

import dataclasses
import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from vitnas.bench import trainings as trained
from vitnas.report.terminal.dry_run_table import dry_run_table
from vitnas.report.terminal.summary import report
from vitnas.run import search as searches
from vitnas.run.dry_run import dry_run
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig
from vitnas.workers.tune_ledger import Training

FEW = RatingSettings(reference_networks=3, shown=("naswot",))
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)
CONFIG = SearchConfig(
    "tiny", seed=1, trials=600, front=3, budgets=(("max-params", "100k"),), random_arm=False,
    then=("depth:12", "train:4"), data="data.npz", epochs=2, train_batch=16,
)  # fmt: skip


@pytest.fixture
def trainings(folder, monkeypatch):
    """Accuracies that grow with the number of blocks; the second network fails."""
    rng = np.random.default_rng(0)
    np.savez("data.npz", x_train=rng.integers(0, 256, (40, 64, 64, 3), np.uint8), y_train=np.arange(40) % 10)
    began, stop = [], []

    def run_trainings(train, items, folder, settings, *, finished, **_):
        for number, (name, item) in enumerate(items.items()):
            if stop and number == stop[0]:
                raise KeyboardInterrupt
            began.append(name)
            blocks = sum(len(stage["blocks"]) for stage in item["architecture"]["stages"])
            failed = began[1:] == [name]
            values = [] if failed else [5.0, 10.0 * blocks]
            finished(name, Training(values, "no memory" if failed else "", 1.5))

    monkeypatch.setattr(trained, "run_trainings", run_trainings)
    return began, stop


def read(file, name="run"):
    return json.loads((Path("runs") / name / file).read_text())


def shown(renderable):
    console = Console(file=io.StringIO(), width=80)
    console.print(renderable)
    return console.file.getvalue()


def test_the_last_rung_trains_and_its_accuracies_decide(trainings):
    result = run_search(CONFIG, name="run")
    began, _ = trainings
    last = result.rungs[-1]
    assert (last.quality, last.input, last.scored, last.failed) == ("train", 4, 3, 1) and len(began) == 4
    assert last.failures == {"no memory": 1}
    for member in result.front:
        assert list(member.rungs) == ["capacity", "depth", "train"]
        assert member.quality == member.rungs["train"] == member.scores["train"]["value"]
        assert member.scores["train"]["epochs"] == 2
        written = yaml.safe_load((result.path / member.file).read_text())
        assert written["metrics"]["rungs"]["train"] == member.quality
    known = read("reference.json")["members"][0]
    assert known["quality"] is None and set(known["rungs"]) == {"capacity", "depth"}
    text = shown(report(result))
    assert max(map(len, text.splitlines())) <= 80
    assert "brief" in " ".join(text.split()) and "validation images" in " ".join(text.split())
    assert f"{result.front[-1].quality:.2f}" in text and "train: 1 no memory" in text


def test_interrupted_trainings_are_not_begun_again(trainings):
    began, stop = trainings
    whole = run_search(CONFIG, name="whole")
    began.clear()
    stop.append(3)
    part = run_search(CONFIG, name="cut")
    assert (part.state, part.rungs[-1].scored, part.rungs[-1].failed) == ("interrupted", 2, 1)
    assert part.quality == "train"
    stop.clear()
    result = resume_search("runs/cut")
    assert len(began) == 4
    assert [m.rungs for m in result.front] == [m.rungs for m in whole.front]
    assert read("whole_front.json", "cut") == read("whole_front.json", "whole")


def test_a_dry_run_estimates_the_trainings(trainings):
    dry = dry_run(dataclasses.replace(CONFIG, then=("naswot:5", "train:4")))
    assert [(plan.quality, plan.take) for plan in dry.rungs] == [("naswot", 5), ("train", 4)]
    assert all(plan.seconds > 0 for plan in dry.rungs)
    assert "takes at most" in shown(dry_run_table(dry))
    assert dry.to_dict()["rungs"][1]["quality"] == "train"
