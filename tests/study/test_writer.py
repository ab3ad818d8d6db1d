"""Trials written a batch at a time are those that Optuna itself would have written."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from vitnas.errors import StorageError
from vitnas.study import writer as writer_module
from vitnas.study.spec import StudySpec, StudyTrial, progression
from vitnas.study.url import StorageUrl
from vitnas.study.writer import StudyWriter, distribution


def rows(url: StorageUrl) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of an SQLite file."""
    with sqlite3.connect(url.text.removeprefix("sqlite:///")) as database:
        names = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        return {name: database.execute(f"select * from {name} order by 1").fetchall() for (name,) in names}


def load(url: StorageUrl, name: str = "run-1") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=url.text)


def test_a_batch_is_what_add_trial_writes(
    tmp_path: Path, url: StorageUrl, spec: StudySpec, trials: list[StudyTrial]
) -> None:
    other = StorageUrl(f"sqlite:///{tmp_path}/other.db")
    fast, slow = StudyWriter(url, spec), StudyWriter(other, spec)
    frozen = [fast._frozen(trial) for trial in trials]
    assert fast._tables.add(frozen) == 3
    for trial in frozen:
        slow._study.add_trial(trial)
    assert rows(url) == rows(other)
    for one, same in zip(load(url).trials, load(other).trials, strict=True):
        assert one == same


def test_what_is_written_is_read_back(url: StorageUrl, spec: StudySpec, trials: list[StudyTrial]) -> None:
    assert StudyWriter(url, spec).add(trials) == 3
    study = load(url)
    assert study.metric_names == ["quality", "latency_ms"]
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.user_attrs["space"] == "demo" and study.user_attrs["constraints"] == list(spec.constraints)
    first, second, third = study.trials
    assert [t.number for t in study.trials] == [0, 1, 2]
    assert first.params == trials[0].params and first.values == [-3.25, 1.5]
    assert first.user_attrs == {"genome": "000102", **trials[0].attributes}
    assert (first.datetime_complete - first.datetime_start).total_seconds() == 2.5
    assert second.values == [float("inf"), 0.1] and second.user_attrs["note"] == 'µ "x"'
    assert third.state.name == "FAIL" and third.values is None
    if writer_module.HAS_CONSTRAINTS:
        assert first.constraints == {"max-latency": -0.1, "max-params": 0.0}
        named = {name: third.constraints[name] for name in spec.constraints}
        assert named == {"max-latency": 0.0, "max-params": 1000.0}, "an unknown cost is the worst"
        assert "constraints" not in first.system_attrs
        assert [t.number for t in study.best_trials] == [0]
    else:
        assert first.system_attrs["constraints"] == [-0.1, 0.0]
    assert second.system_attrs["constraints"] == [0.5, -1.0], "which optuna-dashboard reads"


def test_nothing_is_written_twice(
    url: StorageUrl, spec: StudySpec, trials: list[StudyTrial], many: list[StudyTrial]
) -> None:
    one, two = StudyWriter(url, spec), StudyWriter(url, spec)
    assert one.add(trials[:2]) == 2
    assert two.add(trials) == 1, "it sees what the other has written since"
    assert one.add([*trials, *trials]) == 0
    assert two.add(many) == 40 and len(two) == 43 and many[0].genome in two
    assert [t.number for t in load(url).trials] == list(range(43))
    load(url).add_trial(load(url).trials[0])  # somebody else's trials do not stand in the way
    assert one.add([dataclasses.replace(trials[0], genome="ff")]) == 1
    assert [t.number for t in load(url).trials] == list(range(45))


def test_a_batch_is_written_whole_or_not_at_all(
    url: StorageUrl, spec: StudySpec, trials: list[StudyTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = StudyWriter(url, spec)
    bad = dataclasses.replace(trials[1], attributes={"genome": "other", "bad": object()})
    with pytest.raises(StorageError, match="not JSON serializable"):
        writer.add([trials[0], bad])
    assert load(url).trials == [] and len(writer) == 0
    assert writer.add(trials) == 3


def test_unknown_tables_are_given_one_trial_at_a_time(
    url: StorageUrl, spec: StudySpec, trials: list[StudyTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitnas.study import _tables

    monkeypatch.setitem(_tables.COLUMNS, "TrialModel", {"trial_id"})
    writer = StudyWriter(url, spec)
    assert writer._tables is None
    assert writer.add(trials[:2]) == 2
    again = StudyWriter(url, spec)
    assert again.add(trials) == 1 and len(load(url).trials) == 3
    assert again.amend({"000102": {"file": "x"}}) == again.mark("file", {"000102": "x"}) == 0


def test_attributes_come_later(url: StorageUrl, spec: StudySpec, trials: list[StudyTrial]) -> None:
    writer = StudyWriter(url, spec)
    writer.add(trials)
    assert writer.amend({"000102": {"health": "bad", "new": 1}, "000103": {}, "ffffff": {"new": 2}}) == 1
    attributes = load(url).trials[0].user_attrs
    assert attributes["new"] == 1 and attributes["health"] == "ok", "what is there stays"
    assert writer.mark("file", {"000102": "a", "000103": "b"}) == 2
    assert StudyWriter(url, spec).mark("file", {"000103": "c", "000104": "d"}) == 2
    assert [t.user_attrs.get("file") for t in load(url).trials] == [None, "c", "d"]


def test_a_study_of_something_else_is_refused(
    url: StorageUrl, spec: StudySpec, trials: list[StudyTrial]
) -> None:
    StudyWriter(url, spec).add(trials)
    with pytest.raises(StorageError, match=r"`storage`: the study 'run-1' in sqlite.* is of another run"):
        StudyWriter(url, dataclasses.replace(spec, run="f" * 16))
    other = optuna.create_study(storage=url.text, study_name="mine", directions=["maximize", "minimize"])
    other.add_trial(load(url).trials[0])
    with pytest.raises(StorageError, match="was not written by vitnas; take another `name`"):
        StudyWriter(url, dataclasses.replace(spec, name="mine"))
    with pytest.raises(StorageError, match="has other objectives"):
        StudyWriter(url, dataclasses.replace(spec, metrics=(("quality", "maximize"),)))
    assert len(load(url).trials) == 3 and load(url).user_attrs["vitnas.run"] == spec.run


@pytest.mark.parametrize(
    ("path", "problem"),
    [("nowhere/study.db", "unable to open database file"), ("text.db", "file is not a database")],
)
def test_a_file_that_is_no_database_is_one_line(
    tmp_path: Path, spec: StudySpec, path: str, problem: str
) -> None:
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(StorageError, match=problem) as raised:
        StudyWriter(StorageUrl(f"sqlite:///{tmp_path}/{path}"), spec)
    assert "\n" not in str(raised.value)


def test_a_missing_driver_is_named(spec: StudySpec) -> None:
    with pytest.raises(StorageError, match=r"oracle://me:\*\*\*@host/db: this needs the package") as raised:
        StudyWriter(StorageUrl("oracle://me:secret@host/db"), spec)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("choices", "step", "kind"),
    [
        ((24, 32, 40), 8, IntDistribution(24, 40, step=8)),
        ((2, 2.5, 3), 0.5, FloatDistribution(2.0, 3.0, step=0.5)),
        ((2, 4, 8), None, CategoricalDistribution((2, 4, 8))),
        ((8, 4), None, CategoricalDistribution((8, 4))),
        ((False, True), None, CategoricalDistribution((False, True))),
        (("a",), None, CategoricalDistribution(("a",))),
        ((0.1, 0.2, 0.3), 0.1, FloatDistribution(0.1, 0.3, step=0.1)),
        ((0.1, 0.2, 0.30000000000000004), None, CategoricalDistribution((0.1, 0.2, 0.30000000000000004))),
    ],
)
def test_evenly_spaced_numbers_are_ranges(choices: Any, step: float | None, kind: Any) -> None:
    assert progression(choices) == step and distribution(choices) == kind
