"""``vitnas profile kit`` and ``import``: the round trip on this machine, and what is refused."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from vitnas.hardware.kit.manifest import read_manifest
from vitnas.hardware.load_device import load_device

SPACE = """
name: tiny
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: conv_stem, activation: gelu}
stages:
  - width: {choice: [8, 16]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 2]}, expansion: {choice: [2, 4]}}
  - down: {op: conv_down}
    width: {choice: [24, 32]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 3]}, expansion: {choice: [2, 4]}}
head: {op: pooled_classifier, distilled: true, norm: batch}
"""
pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(SPACE)
    return tmp_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A kit that was measured by its own script."""
    from vitnas.hardware.kit.write import KitSettings, write_kit

    class Silent:
        def traced(self, *about) -> None: ...
        def planned(self, *about) -> None: ...
        def written(self, *about) -> None: ...

    folder = tmp_path_factory.mktemp("kits")
    (folder / "tiny.yaml").write_text(SPACE)
    write_kit(KitSettings((str(folder / "tiny.yaml"),), "onnx", folder / "kit", networks=8), Silent())
    command = [sys.executable, str(folder / "kit" / "measure.py"), "--runs", "3"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return folder / "kit"


def copy_of(results: Path, edit) -> Path:
    with results.open() as file:
        rows = list(csv.DictReader(file))
    path = Path("edited.csv")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(edit(rows))
    return path


def test_a_kit_is_written_and_goes_on(run):
    arguments = ("profile", "kit", "--space", "tiny.yaml", "--runtime", "onnx", "--out", "kit")
    code, out, err = run(*arguments, "--networks", "2", "--blocks", "6")
    assert code == 0, err
    assert "wrote kit: 9 models (6 blocks, 2 networks, an empty call), chains of 1" in out
    assert "vitnas profile import kit/results.csv --name" in out and "9 models, about 0 MB in all" in err
    assert len(list(Path("kit/models").glob("*.onnx"))) == 9
    code, out, err = run(*arguments, "--networks", "2", "--blocks", "6")
    assert code == 0 and "; 9 stood there before" in out
    code, _, err = run(*arguments, "--networks", "3", "--blocks", "6")
    assert code == 2 and err == "error: --out: kit holds a kit with networks 2, not 3; name a new folder\n"


def test_a_measured_kit_becomes_a_target(run, measured):
    """From the kit's script to a search, on this machine."""
    results = measured / "results.csv"
    code, out, err = run("profile", "import", str(results), "--name", "mine", "--device", "My board")
    assert code == 0, err
    assert "mine (imported" in out and "16 of 16 blocks of tiny" in out
    assert "conv_ffn           8       8           8" in out
    assert "error, whole networks that neither table nor calibration saw" in out
    device = load_device("mine")
    assert device.kind == "imported" and device.profile.conditions.device == "My board"
    assert device.profile.conditions.runtime.startswith("ONNX Runtime ")
    assert len(device.table) == 16 and all(time.runs >= 3 for time in device.table.values())
    code, out, err = run("search", "--space", "tiny.yaml", "--target", "mine", "--dry-run")
    assert code == 0 and "mine (imported" in out, err


def test_what_is_wrong_with_results_goes_to_stderr(run, measured):
    bad = copy_of(
        measured / "results.csv",
        lambda rows: [
            {**row, "latency_ms": "-1" if k < 2 else row["latency_ms"]} for k, row in enumerate(rows)
        ],
    )
    code, out, err = run("profile", "import", str(bad), "--kit", str(measured), "--name", "bad")
    assert code == 2 and not out
    lines = err.splitlines()
    assert lines[0].startswith("edited.csv:3: latency_ms: -1 is no time")
    assert lines[-1].startswith("error: edited.csv:2: latency_ms: -1 is no time")
    assert not Path("hardware_profiles").exists()


def test_seconds_are_refused_and_can_be_stated(run, measured):
    seconds = copy_of(
        measured / "results.csv",
        lambda rows: [{**row, "latency_ms": float(row["latency_ms"]) / 1e3, "iqr_ms": ""} for row in rows],
    )
    arguments = ("profile", "import", str(seconds), "--kit", str(measured), "--name", "quick")
    code, _, err = run(*arguments)
    assert code == 2 and "too fast for milliseconds" in err and "--unit s" in err
    code, out, err = run(*arguments, "--unit", "s")
    assert code == 0, err
    assert "wrote hardware_profiles/quick.yaml" in out and "nobody states device and os" in err
    assert load_device("quick").profile.conditions.device == "not stated"


def test_half_of_the_blocks_is_a_refusal_with_a_count(run, measured):
    blocks = {probe.id for probe in read_manifest(measured).probes if probe.kind == "block"}
    few = set(sorted(blocks)[:4])
    part = copy_of(
        measured / "results.csv",
        lambda rows: [row for row in rows if row["id"] not in blocks or row["id"] in few],
    )
    code, _, err = run("profile", "import", str(part), "--kit", str(measured), "--name", "part")
    assert code == 2 and err.startswith("error: 4 of the kit's 16 blocks have a time, and 8 are needed")


def test_results_without_a_kit(run):
    Path("results.csv").write_text("id,latency_ms\nempty,0.1\n")
    code, _, err = run("profile", "import", "results.csv", "--name", "x")
    assert code == 2 and "is no kit: it holds no kit.json; name the kit's folder with --kit" in err


def test_a_runtime_that_no_kit_has(run):
    code, _, err = run("profile", "kit", "--space", "tiny.yaml", "--runtime", "onx", "--out", "kit")
    assert code == 2 and "unknown runtime of a kit 'onx'; did you mean 'onnx'?" in err
    assert not Path("kit").exists()
