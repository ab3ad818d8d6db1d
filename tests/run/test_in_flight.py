"""Networks in flight: who answers when has no say, and what cannot be obeyed is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vitnas.errors import InvalidInput
from vitnas.events import Silent
from vitnas.report.terminal.notes import notes
from vitnas.report.terminal.summary import failures
from vitnas.run.bench_scorer import UNORDERED, asks_of
from vitnas.run.prepare import RatingSettings
from vitnas.run.search import resume_search, run_search
from vitnas.searching.config import SearchConfig
from vitnas.strategies.evolution import Evolution
from vitnas.workers import Failure, Serial

QUALITY = "naswot"
FEW = RatingSettings(reference_networks=6)


class Shuffled(Serial):
    """Answers in an order of its own; does not really measure."""

    size = 3
    calls = 0

    def __init__(self, order):
        super().__init__()
        self.rng = np.random.default_rng(order)
        self.waiting = []

    def wait(self):
        self.waiting += list(self._queue)
        self._queue.clear()
        if not self.waiting:
            return []
        ticket, function, (genome, _) = self.waiting.pop(self.rng.integers(len(self.waiting)))
        type(self).calls += 1
        return [(ticket, self.answer(function, np.frombuffer(genome, np.uint8)))]

    def answer(self, task, genome):
        if genome.sum() % 7 == 0:
            return Failure("did not finish within 1 s, the time limit of a candidate")
        record = {"id": task.space.decode(genome).id, "failures": {}, "seconds": 0.5}
        record["scores"] = {own.name: float(genome.sum()) for own in task.qualities}
        return record | ({"health": {"verdict": "ok", "reasons": []}} if task.also else {})


class Heard(Silent):
    def __init__(self):
        self.said = []

    def warn(self, text):
        self.said.append(text)


@pytest.fixture
def search(folder, monkeypatch):
    def run(name, order=0, *, resume=None, **changes):
        monkeypatch.setattr("vitnas.run.search.make_workers", lambda _: Shuffled(order))
        if resume:
            return resume_search(Path("runs") / name, trials=resume, rating=FEW)
        config = SearchConfig("tiny", quality=QUALITY, front=3, **changes)
        return run_search(config, name=name, rating=FEW)

    return run


def files(name):
    return [(Path("runs") / name / file).read_bytes() for file in ("front.json", "whole_front.json")]


def log(name):
    return [json.loads(line) for line in (Path("runs") / name / "evaluations.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("strategy", ["evolution", "local", "optuna-nsga2", "reinforce"])
def test_the_order_of_the_answers_has_no_say(search, strategy):
    for order in range(3):
        search(f"run{order}", order, trials=40, strategy=strategy, in_flight=12)
    assert files("run0") == files("run1") == files("run2")
    assert [r["id"] for r in log("run0")] != [r["id"] for r in log("run1")]


def test_a_run_is_extended_as_if_it_had_been_longer(search):
    search("whole", trials=60, in_flight=12)
    search("cut", trials=33, in_flight=12)
    search("cut", 2, resume=60)
    assert files("cut") == files("whole")


def test_a_state_spares_the_replay(search, monkeypatch):
    search("run", trials=40, in_flight=12)
    asked, ask = [], Evolution.ask
    monkeypatch.setattr(Evolution, "ask", lambda self, n: asked.append(n) or ask(self, n))
    before, calls = files("run"), Shuffled.calls
    search("run", resume=40)
    assert sum(asked) < 12 and files("run") == before
    assert Shuffled.calls == calls, "nothing is measured twice"
    (Path("runs") / "run" / "screen.npz").unlink()
    search("run", resume=40)
    assert sum(asked) > 40 and files("run") == before
    assert Shuffled.calls == calls


def test_unordered_runs_say_so_and_end(search):
    result = search("run", 1, trials=40, in_flight=12, ordered=False)
    assert result.trials == 40 and UNORDERED in result.notes
    assert any("(unordered)" in str(line) for line in notes(result, result.front))
    manifest = json.loads((Path("runs") / "run" / "manifest.json").read_text())
    assert manifest["config"]["ordered"] is False and manifest["config"]["in_flight"] == 12
    assert search("run", resume=50).trials == 50


def test_failures_are_counted_by_kind(search):
    result = search("run", trials=40)
    assert result.failed == result.failures["hung"] > 0
    assert failures(result)[0].startswith(f"{result.failed} candidates failed: {result.failed} hung")
    failed = [r for r in log("run") if "failure" in r]
    assert all(r["failure"].startswith("did not finish") and len(r["id"]) == 12 for r in failed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"in_flight": 8}, "`in_flight`: quality 'capacity' builds no networks"),
        ({"ordered": False}, "`unordered`"),
    ],
)
def test_settings_that_nothing_would_obey_are_refused(folder, changes, said):
    with pytest.raises(InvalidInput, match=said):
        run_search(SearchConfig("tiny", **changes))
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"in_flight": 2}, "3 workers, but 2 candidates in flight: some will idle; `in_flight` 12"),
        ({"in_flight": 12, "strategy": "optuna-tpe"}, "`in_flight`: strategy 'optuna-tpe' learns from all"),
        ({"ordered": False, "strategy": "reinforce"}, "`unordered`: strategy 'reinforce' learns from all"),
    ],
)
def test_what_has_less_effect_than_hoped_is_said(folder, monkeypatch, changes, said):
    heard = Heard()
    monkeypatch.setattr("vitnas.run.search.make_workers", lambda _: Shuffled(0))
    run_search(SearchConfig("tiny", quality=QUALITY, trials=8, **changes), listener=heard)
    assert any(said in text for text in heard.said)


@pytest.mark.parametrize("in_flight", [1, 2, 3, 7, 8, 31, 32, 33, 100, 128, 1000, 4096, 10_007])
@pytest.mark.parametrize("ordered", [True, False])
def test_asks_fill_what_is_in_flight_and_little_more(in_flight, ordered):
    batch, lag = asks_of(in_flight, late=True, ordered=ordered)
    assert in_flight <= batch * lag < in_flight + batch
    assert lag >= min(in_flight, 4)
    assert asks_of(in_flight, late=False) == (in_flight, 1)
