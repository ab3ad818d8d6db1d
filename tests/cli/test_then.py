"""``vitnas search --then``: the option and how a run ends where a rung has scored nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vitnas.run.search
from vitnas.run.result import SearchResult
from vitnas.searching.config import SearchConfig
from vitnas.searching.rungs import RungResult

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr
RUNGS = (
    RungResult("capacity", None, 12, 10, 0, 3, 1.0),
    RungResult("naswot", 9, 3, 0, 3, 0, 2.0, {"ValueError": 3}),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[SearchConfig]:
    """What the command asked for, in place of searching; its last rung fails."""
    configs = []

    def run_search(config: SearchConfig, **_: Any) -> SearchResult:
        configs.append(config)
        return SearchResult(
            config=config,
            path=Path("runs/a"),
            state="rung failed",
            objectives=("quality", "params"),
            front=(),
            references=(),
            front_size=0,
            trials=10,
            asked=12,
            failed=0,
            seconds=1.0,
            hypervolume=0.5,
            random_hypervolume=None,
            rungs=RUNGS,
        )

    monkeypatch.setattr(vitnas.run.search, "run_search", run_search)
    return configs


def test_rungs_reach_the_search_in_their_order(run: Run, asked: list[SearchConfig]) -> None:
    run("search", "--space", "s", "--then", "naswot:1k", "--then", "depth:16")
    assert asked == [SearchConfig("s", then=("naswot:1k", "depth:16"))]
    assert [rung.take for rung in asked[0].rungs] == [1000, 16]


def test_a_rung_that_scored_nothing_is_no_success(run: Run, asked: list[SearchConfig]) -> None:
    code, out, err = run("search", "--space", "s", "--then", "naswot:9")
    assert code == 2
    assert "the last rung failed; these are the networks of quality capacity" in err
    assert "naswot: 3 ValueError (rungs.json says why of each)." in out
    code, out, _ = run("search", "--space", "s", "--then", "naswot:9", "--json")
    assert code == 2
    assert json.loads(out)["rungs"][1]["failures"] == {"ValueError": 3}


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("naswot", "--then naswot: how many networks does it take? write QUALITY:N"),
        ("naswot:1.5", "--then naswot:1.5: '1.5' is not a whole number"),
        ("capacity:9", "--then capacity:9: 'capacity' has scored its candidates already"),
    ],
)
def test_wrong_rungs_are_one_line_and_exit_2(
    run: Run, asked: list[SearchConfig], then: str, said: str
) -> None:
    code, out, err = run("search", "--space", "s", "--then", then)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}") and err.count("\n") == 1
    assert not asked


def test_rungs_cannot_change_beside_resume(run: Run, asked: list[SearchConfig]) -> None:
    code, _, err = run("search", "--resume", "runs/a", "--then", "naswot:9")
    assert code == 2
    assert "--then cannot stand beside --resume" in err
