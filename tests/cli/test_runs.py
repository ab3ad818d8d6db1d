"""``vitnas runs`` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.store.layout import LAYOUTS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run, one that died, one that was written by a newer vitnas."""
    monkeypatch.chdir(tmp_path)
    manifest = {
        "format": LAYOUTS["search"],
        "state": "finished",
        "config": {"space": "efficientformer", "target": "iphone12", "quality": "capacity"},
        "versions": {"vitnas": "8.8"},
        "created": "2026-11-21T14:39:41+0000",
        "seconds": 3725.4,
    }
    for name, changes in {
        "a-run-with-a-name-that-is-longer-than-its-column": {},
        "killed": {"state": "running", "seconds": 0},
        "newer": {"format": 99, "seconds": 90061},
    }.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
        (folder / "evaluations.jsonl").write_text("{}\n" * 12)
    front = {"trials": 2_000_000, "members": [{"quality": -3.2338}]}
    (tmp_path / "runs/a-run-with-a-name-that-is-longer-than-its-column/front.json").write_text(
        json.dumps(front)
    )
    return tmp_path / "runs"


def test_the_list(run: Run, runs: Path) -> None:
    code, out, err = run("runs")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:8] == [
        "run     state        trials   time  begun",
        "a-run-with-a-name-that-is-longer-than-its-column",
        "        finished  2,000,000  1h02m  2026-11-21 14:39",
        "    efficientformer for iphone12: capacity -3.234",
        "killed  died            ~12         2026-11-21 14:39",
        "    efficientformer for iphone12: capacity",
        "newer   finished        ~12  1d01h  2026-11-21 14:39",
        "    efficientformer for iphone12: capacity",
    ]
    reason = " ".join(line.strip() for line in lines[8:-1])
    assert reason.startswith("! manifest.json: written by vitnas 8.8 in a newer layout (99; this is vitnas ")
    assert reason.endswith("go on with the vitnas that wrote it, or a newer one")
    assert lines[-1] == "~: not at its end, so these are lines of its log"
    assert max(map(len, out.splitlines())) <= 80
    assert run("runs", "runs")[1] == out
    assert run("runs", "list", "runs")[1] == out


def test_as_json(run: Run, runs: Path) -> None:
    code, out, _ = run("runs", "--json")
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert code == 0
    assert found["killed"]["state"] == "died" and found["killed"]["holder"] is None
    assert found["newer"]["problem"].startswith("manifest.json: written by vitnas 8.8")


def test_nothing_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("runs")
    assert code == 2 and err.startswith("error: no folder 'runs'")
    assert run("runs", ".")[:2] == (0, "no runs in '.'\n")


def test_repair(run: Run, runs: Path) -> None:
    log = runs / "killed" / "evaluations.jsonl"
    log.write_text('{"task": "a"}\n{"task": "b\n{"task": "c"}\n')
    code, out, err = run("runs", "repair", "runs/killed")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        """runs/killed/evaluations.jsonl: line 2 (12 bytes) is dropped: '{"task": "b'""",
        "runs/killed/evaluations.jsonl: 2 lines kept; as it was: runs/killed/evaluations.jsonl.broken-1",
        "go on with: vitnas search --resume runs/killed",
    ]
    code, out, _ = run("runs", "repair", "runs/killed")
    assert out == "runs/killed/evaluations.jsonl: all 2 lines are whole; nothing was changed\n"
    code, out, _ = run("runs", "repair", "runs/killed", "--json")
    assert json.loads(out)[0] == {
        "path": "runs/killed/evaluations.jsonl", "lines": 2, "dropped": [], "original": None,
    }  # fmt: skip


def test_the_list_loads_neither_torch_nor_numpy(runs: Path) -> None:
    program = (
        "import sys\nfrom vitnas.cli.main import main\n"
        "try:\n    main(['runs'])\nexcept SystemExit as done:\n    assert not done.code\n"
        "print([name for name in ('torch', 'numpy', 'ray') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
