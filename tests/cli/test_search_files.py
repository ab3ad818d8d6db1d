from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr

TINY = {
    "name": "tiny",
    "input": {"channels": 3, "resolution_px": 64},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 32, 8]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [1, 2]}}],
        },
        {
            "down": {"op": "conv_down"},
            "width": {"range": [16, 64, 16]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [2, 4]}}],
        },
    ],
    "head": {"op": "pooled_classifier"},
    "references": {
        "known": {
            "genes": {
                "stages.0.width": 16,
                "stages.0.blocks.0.repeat": 2,
                "stages.0.blocks.0.expansion": 2,
                "stages.1.width": 32,
                "stages.1.blocks.0.repeat": 2,
                "stages.1.blocks.0.expansion": [2, 4],
            },
            "top1": 50.0,
            "source": "made up for tests",
        }
    },
}


def test_from_the_command_to_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    common = ("search", "--space", "tiny.yaml", "--workers", "1")
    code, out, err = run(*common, "--trials", "200", "--front", "2", "--name", "one", "--max-params", "60k")
    assert code == 0, err
    assert "wrote runs/one/" in out
    assert "◆ known" in out
    assert "\x1b" not in out + err
    best = sorted(str(path) for path in Path("runs/one/best").glob("*.yaml"))
    assert len(best) == 2

    code, out, err = run("search", "--resume", "runs/one", "--workers", "1", "--json")
    again = json.loads(out)
    assert code == 0, err
    assert again["trials"] == 200
    assert [f"runs/one/{m['file']}" for m in again["front"]] == best

    code, out, err = run("score", *best, "tiny.yaml:known", "--json")
    scored = json.loads(out)
    assert code == 0, err
    assert [row["params"] for row in scored[:2]] == [m["costs"]["params"] for m in again["front"]]
    assert scored[2]["latency_ms"] is None

    code, out, err = run(*common, "--dry-run", "--max-params", "60k")
    assert code == 0, err
    assert "architectures" in out


def test_a_budget_that_nothing_meets_says_what_can_be_reached(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    code, out, err = run("search", "--space", "tiny.yaml", "--max-params", "1k", "--workers", "1")
    assert (code, out) == (2, "")
    assert "the space reaches" in err.splitlines()[-1]
    assert not Path("runs").exists()
