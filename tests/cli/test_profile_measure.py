"""``vitnas profile measure`` with ONNX Runtime, on a space of few small blocks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

SPACE = """
name: tiny
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: conv_stem, activation: gelu}
stages:
  - width: 8
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 3]}, expansion: {choice: [1, 2, 3, 4]}}
head: {op: pooled_classifier, distilled: true, norm: batch}
"""


@pytest.fixture(autouse=True)
def space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(SPACE)


def measure(run, *options: str):
    return run("profile", "measure", "--space", "tiny.yaml", "--name", "lap", "--runs", "5", *options)


def test_a_measured_device_is_a_target_at_once(run, tmp_path):
    pytest.importorskip("onnxruntime")
    code, out, err = measure(run, "--networks", "8")
    assert code == 0, err
    assert "measured: 6 of 6 blocks of tiny; calibrated on 4 whole networks, checked on 4 others" in out
    assert "MAPE" in out and "wrote hardware_profiles/lap.yaml" in out
    assert "6 blocks and 8 networks of tiny" in err and "measured 15 of" in err
    assert {path.name for path in (tmp_path / "hardware_profiles").iterdir()} == {
        "lap.yaml", "lap.csv", "lap.check.csv", "lap.measure.jsonl", ".lap.lock", ".lap.lock.1",
    }  # fmt: skip
    code, out, _ = run(
        "search", "--space", "tiny.yaml", "--target", "lap", "--trials", "50", "--front", "1", "--json"
    )
    assert code == 0
    assert json.loads(out)["config"]["target"] == "lap"
    code, out, _ = run("devices", "--json")
    assert {entry["name"]: entry["kind"] for entry in json.loads(out)}["lap"] == "measured"
    code, _, err = measure(run, "--networks", "8")  # all is there
    assert code == 0 and "15 measured before" in err


def test_an_unknown_runtime(run):
    code, _, err = measure(run, "--runtime", "onnx-runtime")
    assert code == 2 and "unknown runtime 'onnx-runtime'; did you mean 'onnxruntime'?" in err


def test_a_runtime_that_is_not_installed_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = measure(run)
    assert code == 2 and "pip install 'vitnas[onnx]'" in err and len(err.strip().splitlines()) == 1


def test_an_unknown_space(run):
    code, _, err = run("profile", "measure", "--space", "efficentformer", "--name", "lap")
    assert code == 2 and "did you mean 'efficientformer'?" in err


def test_a_resolution_that_the_space_cannot_have(run):
    pytest.importorskip("onnxruntime")
    code, _, err = measure(run, "--resolution-px", "0")
    assert code == 2 and "resolution" in err


def visited(log: Path) -> list[str]:
    lines = log.read_bytes().split(b"\n")[:-1] if log.is_file() else []
    return [json.loads(line)["visit"]["probe"] for line in lines if line.startswith(b'{"visit"')]


def test_a_kill_loses_nothing_and_nothing_is_measured_twice(run, tmp_path):
    pytest.importorskip("onnxruntime")
    log = tmp_path / "hardware_profiles" / "lap.measure.jsonl"
    command = ["profile", "measure", "--space", "tiny.yaml", "--name", "lap", "--networks", "60"]
    process = subprocess.Popen([sys.executable, "-m", "vitnas", *command], stderr=subprocess.DEVNULL)
    while len(visited(log)) < 5 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = visited(log)
    assert 5 <= len(before) < 67
    code, _, err = run(*command)
    assert code == 0 and f"{len(before)} measured before" in err
    first_visits = visited(log)[: 1 + 6 + out_of_networks(err)]
    assert len(set(first_visits)) == len(first_visits)


def out_of_networks(err: str) -> int:
    return int(err.split(" networks of tiny")[0].split(" and ")[-1])
