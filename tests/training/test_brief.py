"""A brief training learns, gives the same numbers again, and goes on as if it had never stopped."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, InvalidInput, RunError
from vitnas.training.brief import BriefSettings, NotFinite, recipe_of_training, train_briefly

PLAN = {
    "name": "tiny",
    "input": {"channels": 3, "resolution_px": 16},
    "classes": 1000,
    "stem": {"op": "conv_stem"},
    "stages": [{"width": 8, "blocks": [{"op": "conv_ffn", "expansion": 2}]}],
    "head": {"op": "pooled_classifier", "distilled": True},
}
RECIPE = {"learning_rate": 0.01, "learning_rate_batch": 16, "drop_path_rate": 0.1, "warmup_epochs": 1}
SETTINGS = BriefSettings(epochs=4, batch=16, seed=3)


@pytest.fixture
def plan():
    return Architecture.from_dict(PLAN)


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def images(count=120, kind=np.uint8):
    """Noise whose brightness tells the class."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    pixels = np.clip(rng.normal(60 + 60 * labels[:, None, None, None], 25, (count, 3, 16, 16)), 0, 255)
    flat = pixels.transpose(1, 0, 2, 3).reshape(3, -1)
    held = count // 5
    return SimpleNamespace(
        train=pixels[held:].astype(kind),
        train_labels=labels[held:],
        validation=pixels[:held].astype(kind),
        validation_labels=labels[:held],
        mean=flat.mean(axis=1).astype(np.float32),
        spread=flat.std(axis=1).astype(np.float32),
        classes=3,
    )


def test_it_learns_and_repeats_itself(plan):
    told = []
    first = train_briefly(
        plan, images(), SETTINGS, RECIPE, report=lambda epoch, value: told.append((epoch, value))
    )
    assert first[-1] > 90 and len(first) == 4
    assert told == list(enumerate(first, 1))
    assert train_briefly(plan, images(), SETTINGS, RECIPE) == first
    floats = train_briefly(plan, images(kind=np.float32), SETTINGS, RECIPE)
    assert floats[-1] > 90


def test_an_epoch_of_some_images_is_another_draw_each_time(plan):
    data, own = images(), dataclasses.replace(SETTINGS, epochs=2, images=32)
    seen: list[np.ndarray] = []

    class Seen(np.ndarray):
        def __getitem__(self, numbers):
            seen.append(np.array(numbers))
            return np.asarray(self)[numbers]

    data.train = data.train.view(Seen)
    train_briefly(plan, data, own, RECIPE)
    assert [len(numbers) for numbers in seen] == [16] * 4, "two steps an epoch"
    assert set(seen[0]) | set(seen[1]) != set(seen[2]) | set(seen[3])


@pytest.mark.parametrize("stop", [1, 3])
def test_a_training_goes_on_as_if_it_had_never_stopped(plan, tmp_path, stop):
    whole = train_briefly(plan, images(), SETTINGS, RECIPE, tmp_path / "whole")

    def until(epoch, _value):
        if epoch == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_briefly(plan, images(), SETTINGS, RECIPE, tmp_path / "parts", until)
    torch.manual_seed(99)  # another process has another random state
    told = []
    parts = train_briefly(plan, images(), SETTINGS, RECIPE, tmp_path / "parts", lambda *e: told.append(e))
    assert parts == whole and told == list(enumerate(whole, 1)), "earlier epochs are told again"
    ours, theirs = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["model"]
        for name in ("whole", "parts")
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_checkpoint_that_is_broken_or_refused(plan, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"half of it")
    short = BriefSettings(epochs=1, batch=64)
    assert train_briefly(plan, images(), short, RECIPE, tmp_path) == train_briefly(
        plan, images(), short, RECIPE
    )
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot write .*checkpoint\.pt: "):
        train_briefly(plan, images(), short, RECIPE, tmp_path / "file")


def test_the_schedule_is_warm_up_and_cosine(plan, monkeypatch):
    rates = []
    step = torch.optim.AdamW.step

    def noted(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    train_briefly(plan, images(), BriefSettings(epochs=5, batch=16, learning_rate=0.02), RECIPE)
    total = 5 * 6
    cosine = 0.5 + 0.5 * np.cos(np.pi * np.arange(total) / total)
    expected = 0.02 * np.minimum((np.arange(total) + 1) / (total // 10 + 1), cosine)
    np.testing.assert_allclose(rates, expected)


def test_only_weights_decay(plan, monkeypatch):
    made = []
    optimizer = torch.optim.AdamW.__init__

    def noted(self, groups, **kwargs):
        made.extend(groups)
        optimizer(self, groups, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "__init__", noted)
    train_briefly(plan, images(), BriefSettings(epochs=1, batch=64), {**RECIPE, "weight_decay": 0.3})
    decayed, others = made
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in others["params"])


def test_a_loss_that_is_no_number_is_an_error(plan):
    data = images()
    data.spread = data.spread * 0
    with pytest.raises(NotFinite, match="the loss is nan in step 1 of epoch 1"):
        train_briefly(plan, data, SETTINGS, RECIPE)


def test_fewer_images_than_a_batch(plan):
    assert len(train_briefly(plan, images(20), BriefSettings(epochs=2, batch=64), RECIPE)) == 2


def test_a_resolution_that_does_not_work_is_said(plan):
    odd = Architecture.from_dict({**PLAN, "input": {"channels": 3, "resolution_px": 18}})
    with pytest.raises(InvalidArchitecture, match="conv_stem divides the image by 4"):
        train_briefly(odd, images(), SETTINGS, RECIPE)


def test_what_a_recipe_says():
    followed, ignored = recipe_of_training(
        {"optimizer": "adamw", "schedule": "step", "learning_rate": 0.5, "clip": {"value": 1}, "epochs": 300}
    )
    assert followed["learning_rate"] == 0.5 and followed["weight_decay"] == 0.025
    assert ignored == ("schedule", "clip")
    for wrong in (
        {"learning_rate": 0},
        {"weight_decay": -1},
        {"warmup_epochs": "5"},
        {"drop_path_rate": True},
    ):
        (name,) = wrong
        with pytest.raises(InvalidInput, match=rf"recipe\.{name}: expected a number"):
            recipe_of_training(wrong)
