"""The options of trainings as the search gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import vitnas.run.search
from vitnas.errors import RunError
from vitnas.searching.config import SearchConfig

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[SearchConfig]:
    """What the command asked for, in place of searching."""
    found: list[SearchConfig] = []

    def run_search(config: SearchConfig, **_: Any) -> None:
        found.append(config)
        raise RunError("enough")

    monkeypatch.setattr(vitnas.run.search, "run_search", run_search)
    return found


def test_they_reach_the_search(run: Run, asked: list[SearchConfig]) -> None:
    options = ("--data", "d.npz", "--epochs", "6", "--train-batch", "64", "--learning-rate", "0.003")
    run("search", "--space", "s", "--quality", "train", *options, "--no-early-stop")
    run("search", "--space", "s", "--then", "train:16", "--data", "d.npz", "--seconds", "10")
    training = {"data": "d.npz", "epochs": 6, "train_batch": 64, "learning_rate": 0.003, "early_stop": False}
    assert asked == [
        SearchConfig("s", quality="train", **training),
        SearchConfig("s", then=("train:16",), data="d.npz", seconds=10.0),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--epochs", "0"], "--epochs: expected at least 1, got 0"),
        (["--train-batch", "0"], "--train-batch: expected at least 1, got 0"),
        (["--epochs", "many"], "--epochs"),
        (["--epochs", "3", "--seconds", "10"], "--seconds, --epochs: both say how long a training is"),
        (["--seconds", "10", "--early-stop"], "--early-stop: it looks at epochs, and --seconds has none"),
    ],
)
def test_wrong_numbers_exit_with_2(
    run: Run, asked: list[SearchConfig], options: list[str], said: str
) -> None:
    code, out, err = run("search", "--space", "s", "--quality", "train", "--data", "d", *options)
    assert (code, out, asked) == (2, "", [])
    assert said in err


def test_they_cannot_change_on_resuming(run: Run) -> None:
    code, _, err = run("search", "--resume", "r", "--epochs", "3")
    assert code == 2 and "--epochs cannot stand beside --resume" in err
