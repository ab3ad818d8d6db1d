from __future__ import annotations

import json
import os
import shutil

import pytest

from vitnas.errors import InvalidInput
from vitnas.store import claims
from vitnas.store.layout import LAYOUTS
from vitnas.store.lock import NAME, RunLock
from vitnas.store.run_list import count_lines, list_runs

MANIFEST = {
    "format": LAYOUTS["search"],
    "state": "finished",
    "config": {"space": "tiny", "target": "phone", "quality": "naswot"},
    "versions": {"vitnas": "0.1.0"},
    "created": "2026-11-21T14:39:41+0000",
    "seconds": 79.4,
}


def make(folder, name, lines=3, front=True, **changes):
    run = folder / name
    run.mkdir()
    (run / "manifest.json").write_text(json.dumps({**MANIFEST, **changes}))
    (run / "evaluations.jsonl").write_text("{}\n" * lines)
    if front:
        members = [{"quality": 1.5}, {"quality": None}, {"quality": 2.5}]
        (run / "front.json").write_text(json.dumps({"trials": 300, "members": members}))
    return run


def test_what_a_run_says(tmp_path):
    make(tmp_path, "later", created="2026-11-22T08:00:00+0000")
    make(tmp_path, "first")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").touch()
    first, later = list_runs(tmp_path)
    assert (first.path.name, later.path.name) == ("first", "later")
    assert (first.state, first.space, first.target, first.quality) == ("finished", "tiny", "phone", "naswot")
    assert (first.best, first.trials, first.evaluations, first.seconds) == (2.5, 300, 3, 79.4)
    assert not first.problem
    assert [run.path.name for run in list_runs(tmp_path / "first")] == ["first"]
    with pytest.raises(InvalidInput, match="no folder"):
        list_runs(tmp_path / "nowhere")


def test_a_family(tmp_path):
    make(tmp_path, "s", format="scale 1", config={"file": "tiny:known", "rule": "asvit"}, front=False)
    (run,) = list_runs(tmp_path)
    assert (run.command, run.space, run.quality, run.trials, run.problem) == (
        *("scale", "tiny:known", "asvit"), None, "",
    )  # fmt: skip


def test_a_run_whose_process_died_does_not_run(tmp_path):
    died = make(tmp_path, "died", state="running", front=False)
    os.close(
        claims.create(died, NAME, 1, claims.Holder("t", 1, "never", claims.this_machine(), "here", "then"))
    )
    make(tmp_path, "never", state="running", front=False)  # its process was killed before it took the lock
    lives = make(tmp_path, "lives", state="running", front=False)
    stopped = make(tmp_path, "stopped", state="interrupted")
    with RunLock(lives), RunLock(stopped):
        found = {run.path.name: run for run in list_runs(tmp_path)}
    states = {"died": "died", "never": "died", "lives": "running", "stopped": "interrupted"}
    assert {name: run.state for name, run in found.items()} == states
    assert found["lives"].holder.pid == os.getpid()
    assert found["died"].evaluations == 3 and found["died"].best is None


def test_elsewhere_the_file_servers_clock_decides(tmp_path):
    run = make(tmp_path, "a", state="running", front=False)
    fd = claims.create(run, NAME, 1, claims.Holder("t", 7, "1", "other", "node-3", "then"))
    os.close(fd)
    assert list_runs(tmp_path)[0].holder.host == "node-3"
    claim = run / f"{NAME}.1"
    os.utime(claim, (0, claim.stat().st_mtime - 3600))
    assert list_runs(tmp_path)[0].state == "died"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 99, "versions": {"vitnas": "9.0"}}, "written by vitnas 9.0 in a newer layout"),
        ({"format": 1}, "written by vitnas 0.1.0 in an older layout"),
        ({"format": "train 1"}, "a run of 'vitnas train'"),
        ({"format": "scale 7"}, "in a newer layout (7;"),
    ],
)
def test_other_layouts_are_listed_with_the_reason(tmp_path, changes, said):
    make(tmp_path, "a", **changes)
    (run,) = list_runs(tmp_path)
    assert said in run.problem and run.space == "tiny"
    assert str(tmp_path) not in run.problem


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.json", "{", "manifest.json:1: is no JSON"),
        ("manifest.json", "[]", "is no manifest of a run"),
        ("manifest.json", '{"format": 3, "config": 7}', "cannot be read"),
        ("manifest.json", '{"format": 3, "seconds": "long"}', "cannot be read"),
        ("manifest.json", None, "manifest.json is missing"),
    ],
)
def test_broken_ones_are_listed_with_the_reason(tmp_path, name, text, said):
    run = make(tmp_path, "a")
    make(tmp_path, "b")
    (run / "space.yaml").touch()
    (run / name).unlink()
    if text is not None:
        (run / name).write_text(text)
    broken, whole = list_runs(tmp_path)
    assert broken.state == "broken" and said in broken.problem
    assert whole.state == "finished"


@pytest.mark.parametrize("text", ["{", "[]", '{"members": []}', None])
def test_a_front_that_cannot_be_read_is_none(tmp_path, text):
    run = make(tmp_path, "a", front=False)
    if text is not None:
        (run / "front.json").write_text(text)
    assert list_runs(tmp_path)[0].best is None


def test_a_folder_that_may_only_be_read(tmp_path, monkeypatch):
    def refused(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vitnas.store.run_list.server_time", refused)
    make(tmp_path, "a", state="running")
    assert list_runs(tmp_path)[0].state == "died"


def test_a_long_log_is_estimated(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"task": 1}\n' * (1 << 18))
    assert count_lines(log) == 1 << 18
    assert count_lines(log, counted_bytes=1 << 20) == pytest.approx(1 << 18, rel=0.01)


def test_the_list_leaves_everything_as_it_was(tmp_path):
    make(tmp_path, "a", state="running")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    list_runs(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    shutil.rmtree(tmp_path / "a")
    assert list_runs(tmp_path) == []
