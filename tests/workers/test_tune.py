"""Trainings on a real Ray Tune, few runs for all, since each takes seconds: who goes on, who fails, why."""

from __future__ import annotations

import importlib
import os
import time

import pytest

from vitnas.errors import RunError
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune import expected_epochs, grace_epochs, run_trainings

pytest.importorskip("ray.tune")
_ray_cluster = importlib.import_module("vitnas.workers._ray_cluster")

EPOCHS = 9
SETTINGS = WorkerSettings(number=2, ray="local", timeout_s=5)


def toy(item, folder, report):
    """A training that keeps its epoch in a file; ``item`` says what goes wrong, and when."""
    at = folder / "at"
    done = int(at.read_text()) if at.exists() else 0
    for epoch in range(1, EPOCHS + 1):
        if epoch > done:
            misbehave(item, epoch, folder)
            at.write_text(str(epoch))
        report(epoch, item["rate"] * epoch)


def misbehave(item, epoch, folder):
    if item.get("raises") == epoch:
        raise ValueError("of no\nuse")
    if item.get("dies") == epoch:
        os._exit(3)
    if item.get("hangs") == epoch:
        time.sleep(1000)
    if item.get("dies_once") == epoch and not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(3)
    if item.get("full") == epoch:
        raise RunError("the disk is full")


@pytest.fixture(scope="module")
def cluster():
    assert _ray_cluster.join(SETTINGS)
    yield
    _ray_cluster.leave()


def trained(folder, items, **changes):
    found = {}
    settings = {"epochs": EPOCHS, "early_stop": True, **changes}
    run_trainings(toy, items, folder, SETTINGS, finished=found.__setitem__, **settings)
    return found


@pytest.mark.slow
def test_the_weak_are_ended_and_whatever_goes_wrong_is_told(cluster, tmp_path, capfd):
    weak = {f"weak{k}": {"rate": 1.0} for k in range(3)}
    wrong = {
        "raises": {"rate": 9.0, "raises": 2},
        "dies": {"rate": 8.0, "dies": 2},
        "hangs": {"rate": 12.0, "hangs": 2},
        "dies_once": {"rate": 10.0, "dies_once": 5},
    }
    past = [[5.0 * epoch for epoch in range(1, EPOCHS + 1)], [4.0], [3.0]]
    found = trained(tmp_path, {"strong": {"rate": 7.0}, **weak, **wrong}, history=past)
    assert set(found) == {"strong", *weak, *wrong}
    assert found["strong"].values == [7.0 * epoch for epoch in range(1, EPOCHS + 1)]
    for name in weak:
        assert (found[name].values, found[name].failure) == ([1.0], ""), "held against those before it"
    assert (found["raises"].values, found["raises"].failure) == ([9.0], "ValueError: of no use")
    assert found["dies"].failure == "killed 3 workers (its process ended: want of memory, or a crash)"
    assert found["hangs"].failure == "did not finish within 5 s, the time limit of a candidate"
    assert found["dies_once"].values == [10.0 * epoch for epoch in range(1, EPOCHS + 1)]
    assert not (tmp_path / "tune").exists(), "what Tune writes is gone"
    assert capfd.readouterr() == ("", ""), "Ray has nothing to say"


def test_a_training_goes_on_where_it_was(cluster, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "at").write_text("4")
    found = trained(tmp_path, {"one": {"rate": 5.0, "raises": 4}}, early_stop=False)
    assert found["one"].values == [5.0 * epoch for epoch in range(1, EPOCHS + 1)]


def test_what_no_other_training_would_do_better_ends_all(cluster, tmp_path):
    with pytest.raises(RunError, match=r"^the disk is full$"):
        trained(tmp_path, {"one": {"rate": 1.0, "full": 1}, "two": {"rate": 1.0}}, early_stop=False)

    def interrupted(name, training):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trainings(
            toy, {"a": {"rate": 1}}, tmp_path, SETTINGS, epochs=EPOCHS, early_stop=False, finished=interrupted
        )


def test_rungs():
    assert [grace_epochs(epochs) for epochs in (1, 3, 9, 10, 27)] == [1, 1, 1, 2, 3]
    assert expected_epochs(9, early_stop=False) == 9
    assert expected_epochs(9, early_stop=True) == pytest.approx(1 + 2 / 3 + 6 / 9)
    assert expected_epochs(1, early_stop=True) == 1
