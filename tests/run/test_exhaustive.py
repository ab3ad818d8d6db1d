"""A search over a small space scores all of it, ends, and says so."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from vitnas.cost.table import CostTable
from vitnas.report.terminal.summary import summary
from vitnas.run import search as searches
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig
from vitnas.searching.pareto import first_non_dominated
from vitnas.space.files import load_space

FEW = RatingSettings(reference_networks=2, shown=("naswot",))
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)
LIMIT = 60_000
BUDGET = (("max-params", "60k"),)
SMALL: dict[str, Any] = {
    "name": "few",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"choice": [16, 24, 32, 48]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [2, 3, 4]}}],
        }
    ],
    "head": {"op": "pooled_classifier"},
}


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "few.yaml").write_text(yaml.safe_dump(SMALL))
    monkeypatch.chdir(tmp_path)


def config(**settings: Any) -> SearchConfig:
    return SearchConfig("few", **{"budgets": BUDGET, "front": 1, **settings})


def front(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("runs", name, "front.json").read_text())
    return found


def feasible() -> int:
    space = load_space("few")
    genomes = np.unique(space.sample(50_000, np.random.default_rng(0)), axis=0)
    assert len(genomes) == space.size == 480
    return int((CostTable.cached(space).price(genomes)["params"] <= LIMIT).sum())


def whole(name: str) -> set[str]:
    return set(json.loads(Path("runs", name, "whole_front.json").read_text())["genomes"])


def test_all_are_scored_once_and_the_front_is_exact_whatever_the_strategy() -> None:
    n = feasible()
    assert 50 < n < 480
    result = run_search(config(), name="a")
    assert (result.state, result.trials, result.asked, result.distinct) == ("finished", n, n, n)
    assert result.exhaustive and front("a")["exhaustive"] is True
    assert result.random_hypervolume is None and front("a")["random_hypervolume"] is None
    assert f"all {n} feasible architectures were scored: no search finds a better front" in str(
        summary(result)
    )
    values = np.array(json.loads(Path("runs/a/whole_front.json").read_text())["values"])
    assert first_non_dominated(values * [-1, 1, 1]).all()

    for k, strategy in enumerate(("local", "optuna-tpe", "random")):
        other = run_search(config(strategy=strategy, trials=n, random_arm=True), name=f"s{k}")
        assert other.trials == n and whole(f"s{k}") == whole("a")


def test_fewer_trials_are_a_search() -> None:
    result = run_search(config(trials=100), name="a")
    assert not result.exhaustive and "exhaustive" not in front("a")
    assert result.trials == 100 and result.random_hypervolume is not None


def test_a_search_of_few_trials_goes_on_to_all() -> None:
    run_search(config(trials=40), name="a")
    more = resume_search("runs/a", trials=10_000)
    run_search(config(trials=10_000), name="b")
    assert more.exhaustive and more.trials == feasible()
    assert Path("runs/a/front.json").read_bytes() == Path("runs/b/front.json").read_bytes()
    again = resume_search("runs/b", trials=40)  # and what is known is not given up
    assert again.exhaustive and again.trials == feasible()


def test_one_that_the_clock_stopped_goes_on() -> None:
    stopped = run_search(config(time_s=1e-9), name="a")
    assert (stopped.state, stopped.trials, stopped.exhaustive) == ("out of time", 0, False)
    assert resume_search("runs/a").exhaustive
    run_search(config(), name="b")
    assert whole("a") == whole("b")


def test_a_policy_learns_all_the_same() -> None:
    """What `reinforce` comes to is its policy; its trials are steps."""
    result = run_search(config(strategy="reinforce", trials=500), name="a")
    assert result.trials == 500 > result.distinct and not result.exhaustive
    assert result.choice is not None


def test_networks_are_proposed_by_the_strategy_until_all_are_scored() -> None:
    limits = (("max-params", "7k"),)
    result = run_search(config(quality="naswot", trials=300, budgets=limits), name="a")
    assert result.exhaustive and result.state == "finished"
    assert 2 < result.trials == result.distinct < 60
    known = [json.loads(line) for line in Path("runs/a/evaluations.jsonl").read_text().splitlines()]
    assert len({line["id"] for line in known if "id" in line}) >= result.trials
