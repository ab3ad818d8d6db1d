"""``vitnas scale`` as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

SMALL = """
name: small
input: {channels: 3, resolution_px: 64}
classes: 10
stem: {op: conv_stem}
stages:
  - width: 16
    blocks: [{op: conv_ffn, expansion: 2}]
  - down: {op: conv_down}
    width: 32
    blocks:
      - {op: conv_ffn, repeat: 2, expansion: [4, 2]}
      - {op: attention_ffn, expansion: 2, heads: 2, key_dim: 8}
head: {op: pooled_classifier}
"""


@pytest.fixture
def seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return "small.yaml"


def test_a_family_is_printed_and_written(run: Run, seed: str) -> None:
    code, out, err = run("scale", seed, "--to", "30k,60k", "--rule", "compound", "--workers", "1")
    assert code == 0
    lines = out.splitlines()
    assert lines[1].split() == ["network", "depths", "widths", "M", "G", "MiB", "capacity"]
    assert [line.split()[0] for line in lines[2:4]] == ["30k", "60k"]
    assert max(map(len, lines[:20])) <= 80
    assert "parameters are not above the size" in out
    assert "written: runs/small-compound-1/family" in out
    assert "scaling from" in err
    assert run("score", "runs/small-compound-1/family/30k.yaml")[0] == 0
    code, out, _ = run("score", "runs/small-compound-1/family/60k.yaml", "--json")
    assert json.loads(out)[0]["params"] <= 60_000


def test_json_is_the_whole_family(run: Run, seed: str) -> None:
    code, out, _ = run("scale", seed, "--to", "30k", "--rule", "compound", "--json", "--name", "x")
    family = json.loads(out)
    assert code == 0
    assert family["path"] == "runs/x"
    assert [m["file"] for m in family["members"]] == ["family/30k.yaml"]
    again = json.loads(run("scale", "--resume", "runs/x", "--json", "--workers", "1")[1])
    assert again["members"] == family["members"]


def test_a_missed_size_is_an_error_after_the_table(run: Run, seed: str) -> None:
    code, out, err = run("scale", seed, "--to", "30k,300k", "--rule", "compound", "--max-macs", "2M")
    assert code == 2
    assert "30k" in out
    assert "not reached: 300 K: macs <= 2.00 M allows" in out
    assert err.splitlines()[-1].startswith("error: 300 K: macs <= 2.00 M allows")


def test_contract_logs_what_it_rejects(run: Run, seed: str) -> None:
    code, _, _ = run("scale", seed, "--to", "15k", "--rule", "contract", "--name", "x", "--workers", "1")
    assert code == 0
    lines = [json.loads(line) for line in Path("runs/x/steps.jsonl").read_text().splitlines()]
    assert any(line["outcome"] == "dropped" and "breaks params" in line["reason"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name an architecture file"),
        (["small.yaml"], "--to is missing"),
        (["small.yaml", "--to", "30k"], "--rule is missing: one of asvit, compound, contract"),
        (["small.yaml", "--to", "30k", "--rule", "compund"], "did you mean 'compound'"),
        (["small.yaml", "--to", "30k,20k", "--rule", "compound"], "sizes ascend, but 30k,20k does not"),
        (["small.yaml", "--to", "30x", "--rule", "compound"], "--to: '30x': unknown unit"),
        (["small.yaml", "--to", "100", "--rule", "compound"], "parameters at the least"),
        (["small.yaml", "--to", "1k", "--rule", "asvit"], "only goes up"),
        (["small.yaml", "--to", "9M", "--rule", "contract"], "only goes down"),
        (["small.yaml", "--to", "100", "--rule", "contract"], "parameters at the least"),
        (["nothing.yaml", "--to", "30k", "--rule", "compound"], "no such architecture file"),
        (["small", "--to", "30k", "--rule", "compound"], "neither an architecture file"),
        (
            ["small.yaml", "--to", "30k", "--rule", "compound", "--shrink", "0.8"],
            "a setting of --rule contract",
        ),
        (["small.yaml", "--to", "90k", "--rule", "asvit", "--proxy", "zn"], "unknown proxy 'zn'"),
        (["small.yaml", "--to", "30k", "--rule", "compound", "--max-latency", "1ms"], "needs a device"),
        (["small.yaml", "--to", "30k", "--rule", "compound", "--workers", "0"], "--workers"),
        (["--resume", "runs/no"], "no run in 'runs/no'"),
        (["--resume", "runs/no", "--seed", "3"], "--seed cannot stand beside --resume"),
    ],
)
def test_wrong_input_is_one_line(run: Run, seed: str, arguments: list[str], said: str) -> None:
    code, out, err = run("scale", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("runs").exists()
