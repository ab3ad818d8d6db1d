"""``vitnas label`` and ``vitnas search --labels``, as they are typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

SPACE = """
name: few
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: patch_embed, patch_px: 8}
stages:
  - width: {choice: [16, 24, 32]}
    blocks:
      - {op: transformer_block, repeat: {range: [2, 4]}, expansion: {range: [1, 3]}, heads: 1, head_dim: 8}
head: {op: token_classifier}
"""


@pytest.fixture
def few(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SPACE)


def fill_in(table: str) -> None:
    """A made-up accuracy for every row."""
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["accuracy"] = str(float(row["params_m"]) * 1000 + sum(bytes.fromhex(row["genome"])))
    with open(table, "w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)


def test_from_nothing_to_a_fitted_search(few, run):
    short = ("--trials", "200", "--front", "1", "--workers", "1")
    code, _, err = run(
        "search", "--space", "few.yaml", "--max-params", "30k", *short, "--name", "x", "--active"
    )
    assert code == 0 and "runs/x/to_label" in err
    assert "vitnas label runs/x --add runs/x/to_label/to_label.csv" in err
    fill_in("runs/x/to_label/to_label.csv")
    code, out, _ = run("label", "runs/x", "--add", "runs/x/to_label/to_label.csv")
    assert code == 0 and "added 50 labels 'accuracy'" in out and "vitnas search --labels runs/x" in out
    code, out, _ = run("search", "--labels", "runs/x", *short, "--name", "y")
    assert code == 0
    assert "fitted on 50 labels (accuracy of runs/x), cross-validated tau" in " ".join(out.split())
    config = json.loads(Path("runs/y/manifest.json").read_text())["config"]
    assert config["quality"] == "fitted" and config["budgets"] == {"max-params": "30k"}
    code, out, _ = run("label", "runs/y", "-n", "4", "--label", "top1", "--out", "ask", "--json")
    asked = json.loads(out)
    assert code == 0 and asked["known"] == 50 and asked["label"] == "top1" and len(asked["files"]) == 4
    assert sorted(p.name for p in Path("ask").iterdir()) == sorted([*asked["files"], "to_label.csv"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("label", "nowhere"), "no run in 'nowhere'"),
        (("label", "nowhere", "--label", "genome"), "--label: 'genome' is a column of the table already"),
        (("label", "nowhere", "--label", "a,b"), "--label: 'a,b' is no name"),
        (("study", "nowhere", "--storage", "sqlite:///s.db", "--name", "a\nb"), "--name: 'a\\nb' is no name"),
        (("label", "nowhere", "--add", "x.csv", "-n", "3"), "-n is for asking; it cannot stand beside --add"),
        (("search", "--space", "few.yaml", "--quality", "fitted"), "--quality fitted needs --labels"),
        (("search", "--space", "few.yaml", "--labels", "no.csv"), "no.csv: cannot be read"),
        (("search", "--space", "few.yaml", "--label", "top1"), "--label names a column of --labels"),
    ],
)
def test_wrong_input(few, run, arguments, said):
    code, out, err = run(*arguments)
    assert code == 2 and out == ""
    assert err.splitlines()[-1].startswith("error: ") and said in err
