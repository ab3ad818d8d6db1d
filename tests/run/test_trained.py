"""Quality ``train``: what is trained, logged, resumed, refused; Ray Tune's part has tests of its own."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
import yaml

from vitnas.bench import trainings as trained
from vitnas.errors import InvalidInput, MissingExtra, RunError
from vitnas.run.brief_trainings import shares
from vitnas.run.dry_run import dry_run
from vitnas.run.search import resume_search, run_search
from vitnas.searching.config import SearchConfig
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune_ledger import Training

SPACE = {
    "name": "little",
    "input": {"channels": 3, "resolution_px": 16},
    "classes": 100,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 24, 4]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [1, 2]}}],
        }
    ],
    "head": {"op": "pooled_classifier"},
    "recipe": {"learning_rate": 0.01, "learning_rate_batch": 16, "clip": {"value": 0.1}},
}
CONFIG = SearchConfig(
    "little",
    quality="train",
    data="data.npz",
    epochs=2,
    train_batch=16,
    trials=4,
    in_flight=2,
    front=3,
    objectives=("quality", "params"),
)


class Tune:
    """In place of Ray Tune: trains one after the other, here."""

    def __init__(self):
        self.began, self.history, self.stop_after, self.broken = [], [], None, set()

    def __call__(self, train, items, folder, settings, *, epochs, early_stop, history, finished):
        self.history = list(history)
        for name, item in items.items():
            values, own = [], folder / name
            self.began.append(name)

            def report(epoch, value, values=values, name=name):
                values.append(value)
                if self.stop_after == (name, epoch):
                    raise KeyboardInterrupt

            own.mkdir(parents=True, exist_ok=True)
            if name in self.broken:
                finished(name, Training(values, "killed 3 workers"))
                continue
            train(item, own, report)
            finished(name, Training(values[:1] if early_stop else values, seconds=1.0))


@pytest.fixture
def tune(monkeypatch, tmp_path):
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "little.yaml").write_text(yaml.safe_dump(SPACE))
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    pixels = np.clip(rng.normal(60 + 60 * labels[:, None, None, None], 25, (60, 16, 16, 3)), 0, 255)
    np.savez(tmp_path / "data.npz", x_train=pixels.astype(np.uint8), y_train=labels)
    monkeypatch.chdir(tmp_path)
    fake = Tune()
    monkeypatch.setattr(trained, "run_trainings", fake)
    return fake


def changed(**changes):
    return SearchConfig(**{**vars(CONFIG), **changes})


def lines(run):
    found = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    return [line for line in found if "epochs" in line]


def test_candidates_are_trained_and_logged(tune, tmp_path):
    result = run_search(changed(early_stop=False), name="run")
    logged = lines(result.path)
    assert len(logged) == result.trials == 4 and len(set(tune.began)) == 4
    for line in logged:
        assert (line["epochs"], line["stopped"], len(line["accuracies"])) == (2, False, 2)
        assert line["scores"]["train"] == line["accuracies"][-1]
        assert line["costs"]["params"] > 0
    best = max(line["scores"]["train"] for line in logged)
    assert max(m.quality for m in result.front) == best
    assert all(m.scores["train"] == {"value": m.quality, "epochs": 2, "stopped": False} for m in result.front)
    first, *others = result.notes
    assert first.startswith("accuracy in per cent on 6 validation images (a random tenth of train)")
    assert "2 epochs at 16 px, 16 images a step" in first
    assert any("3 classes" in note for note in others) and any("clip" in note for note in others)
    assert not (result.path / "trainings").exists()
    front = json.loads((result.path / "front.json").read_text())
    assert front["quality"] == "train" and front["notes"] == list(result.notes)
    # the best must reach the box's corner with fewest parameters: accuracies count from chance
    assert 0 <= result.hypervolume <= 1


def test_stopped_trainings_are_marked_and_later_ones_are_held_against_them(tune):
    result = run_search(CONFIG, name="run")
    assert all(line["stopped"] and line["epochs"] == 1 for line in lines(result.path))
    assert len(tune.history) == 2, "those of the round before"
    assert any("ASHA" in note for note in result.notes)


def test_seconds_are_as_many_images_for_each(tune):
    result = run_search(changed(epochs=None, seconds=1e-3, train_batch=8), name="run")
    assert all((line["stopped"], line["epochs"]) == (False, 1) for line in lines(result.path))
    said = re.search(r"training of (\d+) images each \(0.001 s of the median network", result.notes[0])
    assert said is not None and int(said[1]) % 8 == 0 and 8 <= int(said[1]) < 54, result.notes[0]
    assert not any("ASHA" in note for note in result.notes)
    with pytest.raises(InvalidInput, match="`seconds`: expected a number above 0, got -1"):
        run_search(changed(epochs=None, seconds=-1.0))


def test_a_failed_training_is_recorded(tune, tmp_path):
    run_search(CONFIG, name="one")
    tune.broken = {tune.began[0]}
    result = run_search(CONFIG, name="two")
    failed = [line for line in lines(result.path) if "failure" in line]
    assert [line["failure"] for line in failed] == ["killed 3 workers"]
    assert (result.failed, result.failures) == (1, {"killed 3 workers": 1})
    assert all(member.id != failed[0]["id"] for member in result.front)


@pytest.mark.parametrize("at", [1, 3])
def test_a_run_goes_on_within_a_training(tune, tmp_path, at):
    config = changed(early_stop=False)
    whole = run_search(config, name="whole")
    began, tune.began = tune.began, []
    tune.stop_after = (began[at], 1)
    assert run_search(config, name="parts").state == "interrupted"
    assert len(lines(tmp_path / "runs" / "parts")) == at
    assert (tmp_path / "runs" / "parts" / "trainings" / began[at] / "checkpoint.pt").is_file()
    tune.began, tune.stop_after = [], None
    result = resume_search("runs/parts")
    assert sorted(tune.began) == sorted(began[at:]), "the others are in the log"
    for name in ("front.json", "whole_front.json"):
        assert (result.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert [without_times(line) for line in lines(result.path)] == [
        without_times(line) for line in lines(whole.path)
    ]
    assert not (result.path / "trainings").exists()


def without_times(line):
    return {name: value for name, value in line.items() if name != "seconds"}


def test_the_last_rung_of_a_funnel_trains(tune):
    config = changed(quality="capacity", trials=300, then=("train:3",), in_flight=None, random_arm=False)
    result = run_search(config, name="run")
    logged = lines(result.path)
    accuracies = {line["id"]: line["scores"]["train"] for line in logged}
    assert len(logged) == len(tune.began) == 3
    assert {member.id: member.quality for member in result.front}.items() <= accuracies.items()
    assert result.rungs[-1].quality == "train" and result.rungs[-1].scored == 3
    assert not (result.path / "trainings").exists()


def test_other_images_are_refused_on_resuming(tune, tmp_path):
    run_search(CONFIG, name="run")
    np.savez("data.npz", x_train=np.zeros((60, 16, 16, 3), np.uint8), y_train=np.arange(60) % 3)
    with pytest.raises(RunError, match=r"data\.npz does not hold the images that the run began with"):
        resume_search("runs/run", trials=5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": None}, "`quality` train needs `data`"),
        ({"quality": "capacity"}, "`data` is for trainings, and quality 'capacity' trains nothing"),
        ({"quality": "macs", "data": None}, "`epochs` is for trainings"),
        (
            {"quality": "params", "data": None, "epochs": None, "train_batch": None, "early_stop": False},
            "`early_stop` is for trainings",
        ),
        ({"quality": "train+naswot"}, "'train' is combined with nothing"),
        ({"quality": "trane"}, "did you mean 'train'?"),
        ({"learning_rate": -1.0}, "`learning_rate`: expected a number above 0, got -1"),
        ({"data": "nowhere"}, "`data`: no such folder or file: nowhere"),
    ],
)
def test_wrong_settings_are_one_line(tune, changes, said):
    with pytest.raises(InvalidInput) as raised:
        run_search(changed(**{"in_flight": None, **changes}), name="run")
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_settings_out_of_range():
    for name in ("epochs", "train_batch"):
        with pytest.raises(InvalidInput, match=f"`{name}`: expected at least 1, got 0"):
            changed(**{name: 0})


def test_without_ray(tune, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vitnas\[ray\]'"):
        run_search(CONFIG, name="run")


def test_each_training_gets_a_share(monkeypatch):
    assert shares(CONFIG, 3) == WorkerSettings(number=3, ray="local")
    monkeypatch.setattr("vitnas.run.brief_trainings.usable_cores", lambda: 8)
    assert shares(CONFIG, WorkerSettings(cpus_per_worker=4)).number == 2
    cluster = WorkerSettings(ray="auto", gpus_per_worker=0.5)
    assert shares(changed(device="cuda"), cluster) == cluster
    assert shares(changed(device="cuda:0"), 1).gpus_per_worker == 1


def test_a_dry_run_says_how_long(tune):
    found = dry_run(changed(trials=None))
    assert found.trials == 32 and 0 < found.trials_per_s < 1e4
