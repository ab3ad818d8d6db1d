from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vitnas.study.sync import StudyResult

Run = Callable[..., tuple[int, str, str]]
SECRET = "s3cret-word"
RANKED = StudyResult("x", "sqlite:///s.db", 12_336, 12_336, 16, 4_197, 3_897, 2)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command passes on; it is told of a study in return."""
    found: dict[str, Any] = {"result": RANKED}

    def write_study(run: str, storage: str, **options: Any) -> StudyResult:
        del options["listener"]
        found.update(run=run, storage=storage, **options)
        return found["result"]

    monkeypatch.setattr("vitnas.study.sync.write_study", write_study)
    return found


def test_the_options_reach_the_study(run: Run, asked: dict[str, Any]) -> None:
    code, out, _ = run("study", "runs/x", "--storage", "sqlite:///s.db", "--name", "n", "--limit", "300")
    assert code == 0
    del asked["result"]
    assert asked == {"run": "runs/x", "storage": "sqlite:///s.db", "name": "n", "limit": 300}
    first, which, unscored, many, last = out.splitlines()
    assert first == (
        "study 'x' in sqlite:///s.db: 12,336 trials, 12,336 new, 16 older ones have new attributes"
    )
    assert "300 of the front, evenly chosen (4,197 networks)" in which and "fell behind" in which
    assert "2 networks of the log have no quality" in unscored
    assert "slow beyond 10,000 trials" in many and last == "next: optuna-dashboard sqlite:///s.db"


def test_a_run_that_builds_networks_has_less_to_say(run: Run, asked: dict[str, Any]) -> None:
    asked["result"] = StudyResult("x", "sqlite:///s.db", 73, 0, 0, None, 0, 0)
    out = run("study", "runs/x", "--storage", "sqlite:///s.db")[1]
    assert out.splitlines() == [
        "study 'x' in sqlite:///s.db: 73 trials, 0 new",
        "next: optuna-dashboard sqlite:///s.db",
    ]
    asked["result"] = StudyResult("x", "sqlite:///s.db", 73, 73, 0, 40, 0, 0)
    assert "the whole front (40 networks)" in run("study", "runs/x", "--storage", "sqlite:///s.db")[1]
    found = json.loads(run("study", "runs/x", "--storage", "sqlite:///s.db", "--json")[1])
    assert found["trials"] == 73 and found["storage"] == "sqlite:///s.db"


@pytest.mark.parametrize(
    "command", [["study", "runs/x", "--storage"], ["search", "--space", "s", "--mirror"]]
)
def test_what_is_no_url_is_one_line_without_it(run: Run, command: list[str]) -> None:
    code, out, err = run(*command, f"me:{SECRET}@host/database")
    assert code == 2 and out == ""
    assert err.startswith(f"error: {command[-1]}: this is no URL of a database") and err.count("\n") == 1
    assert SECRET not in err


def test_a_storage_has_to_be_named(run: Run) -> None:
    code, _, err = run("study", "runs/x")
    assert code == 2 and "--storage" in err
