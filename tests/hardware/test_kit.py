"""Kits: what is written, resumed, refused, and that their scripts run without vitnas."""

from __future__ import annotations

import ast
import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from vitnas.errors import InvalidInput, MissingExtra, UnknownName
from vitnas.hardware.kit import write
from vitnas.hardware.kit.exporter import load_exporter
from vitnas.hardware.kit.manifest import read_manifest
from vitnas.hardware.kit.probes import kit_probes
from vitnas.hardware.kit.write import KitSettings, write_kit
from vitnas.hardware.measure.plan import make_plan
from vitnas.hardware.measure.runtime import CannotConvert
from vitnas.ops.conv_down import ConvDown
from vitnas.space.files import load_space

from .conftest import SPACE

TEMPLATES = Path(write.__file__).parent / "templates"
SCRIPTS = sorted(TEMPLATES.rglob("*.py"))


class Stub:
    """Writes nothing that a runtime could read, at once."""

    suffix = ".stub"
    dtype = "float32"
    copies = 1
    templates = {"README.md": "onnx/README.md"}
    conditions = {"runtime": "Stub", "compute_units": "CPU"}
    by_hand = False

    def __init__(self, refused: tuple[type[nn.Module], ...] = (), stop_after: int | None = None) -> None:
        self.refused, self.stop_after = refused, stop_after
        self.saved: list[str] = []

    def save(self, module: nn.Module, example: torch.Tensor, path: Path) -> None:
        path.write_text("half")
        if len(self.saved) == self.stop_after:
            raise KeyboardInterrupt
        if isinstance(module, self.refused):
            raise CannotConvert("it holds what nobody converts")
        path.write_text("whole")
        self.saved.append(path.name.removeprefix("part-").removesuffix(self.suffix))


class Silent:
    def traced(self, blocks: int) -> None:
        pass

    def planned(self, manifest, left, size_bytes) -> None:
        self.left, self.size_bytes = left, size_bytes

    def written(self, done, total, probe) -> None:
        pass


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "tiny.yaml").write_text(SPACE)

    def make(**changes) -> KitSettings:
        base = {"spaces": (str(tmp_path / "tiny.yaml"),), "runtime": "stub", "out": tmp_path / "kit"}
        return KitSettings(**{**base, "networks": 4, **changes})

    return make


@pytest.fixture
def use(monkeypatch):
    def install(exporter: Stub) -> Stub:
        monkeypatch.setattr(write, "load_exporter", lambda name: exporter)
        return exporter

    return install


def test_a_kit_lists_every_block_and_network(settings, use, tmp_path):
    stub, seen = use(Stub()), Silent()
    result = write_kit(settings(), seen)
    plan = make_plan([load_space(settings().spaces[0])], networks=4)
    folder = tmp_path / "kit"
    with (folder / "probes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [probe.id for probe in plan.probes]
    assert set(stub.saved) == {probe.id for probe in plan.probes} and seen.left == len(plan.probes)
    assert all((folder / row["file"]).read_text() == "whole" for row in rows)
    probes = {probe.id: probe for probe in read_manifest(folder).probes}
    for probe in plan.probes:
        assert probes[probe.id].shape == tuple(probe.example().shape)
        assert probes[probe.id].content == probe.content()
    assert (folder / "results.csv").read_text() == "id,latency_ms,iqr_ms,runs\n"
    assert (folder / "spaces" / "tiny.yaml").read_text() == SPACE
    assert "@" not in (folder / "README.md").read_text() and not result.kept
    assert result.manifest.dtype == "float32" and not result.manifest.problems


def test_chained_blocks_stand_alone_too(settings, use, tmp_path):
    use(Stub())
    manifest = write_kit(settings(copies=8), Silent()).manifest
    blocks = {p.id: p for p in manifest.probes if p.kind == "block"}
    singles = [p for p in manifest.probes if p.kind == "single"]
    assert len(singles) == 5 and all(p.copies == 1 for p in singles)
    assert all(blocks[p.id.removesuffix("-1")].copies == 8 for p in singles)
    ops = {p.content["op"]: p.copies for p in blocks.values()}
    assert ops == {"conv_stem": 1, "conv_ffn": 8, "conv_down": 1, "pooled_classifier": 1}


def test_an_interrupted_kit_goes_on(settings, use, tmp_path):
    first = use(Stub(stop_after=5))
    with pytest.raises(KeyboardInterrupt):
        write_kit(settings(), Silent())
    models = tmp_path / "kit" / "models"
    assert len(list(models.iterdir())) == 5 and all(path.read_text() == "whole" for path in models.iterdir())
    (models / "part-empty.stub").write_text("half")  # as a kill leaves it
    (models / "empty.stub").unlink(missing_ok=True)
    there = {path.stem for path in models.iterdir() if not path.name.startswith("part-")}
    second, seen = use(Stub()), Silent()
    result = write_kit(settings(), seen)
    assert result.kept == len(there) and seen.left == len(second.saved)
    assert not there & set(second.saved) and len(first.saved) == 5
    assert {path.stem for path in models.iterdir()} == {p.id for p in result.manifest.probes}


def test_what_the_converter_refuses_is_named_and_the_rest_goes_on(settings, use, tmp_path):
    use(Stub(refused=(ConvDown,)))
    manifest = write_kit(settings(), Silent()).manifest
    assert {p.content["op"] for p in manifest.problems} == {"conv_down"} and len(manifest.problems) == 4
    assert {p.problem for p in manifest.problems} == {"it holds what nobody converts"}
    assert read_manifest(tmp_path / "kit").problems == manifest.problems
    models = tmp_path / "kit" / "models"
    assert len(list(models.iterdir())) == len(manifest.probes) - 4
    use(Stub())
    again = write_kit(settings(), Silent())
    assert not again.manifest.problems and again.kept == len(manifest.probes) - 4


def test_a_kit_of_some_blocks_has_all_operators(settings, use):
    plan = make_plan([load_space(settings().spaces[0])], networks=0)
    for number in (5, 8, 12):
        some = [probe for probe in kit_probes(plan, number) if probe.block]
        assert len(some) == number and len({p.id for p in some}) == number
        assert {p.block.op for p in some} == {b.op for b in plan.traces}
    assert [p.id for p in kit_probes(plan, 999)] == [p.id for p in plan.probes]


@pytest.mark.parametrize("left", [(), (".kit.json.0a1b2c3d.tmp",)], ids=["folder", "scratch file"])
def test_a_kit_that_was_stopped_at_its_first_file_is_begun_again(settings, use, tmp_path, left):
    use(Stub())
    (tmp_path / "kit").mkdir()
    for name in left:
        (tmp_path / "kit" / name).write_text("{")
    write_kit(settings(networks=0), Silent())
    (tmp_path / "kit" / "models").rename(tmp_path / "elsewhere")  # stopped before there were folders
    write_kit(settings(networks=0), Silent())
    assert len(list((tmp_path / "kit" / "models").iterdir())) == len(list((tmp_path / "elsewhere").iterdir()))
    assert not list((tmp_path / "kit").glob(".*.tmp"))


def test_a_folder_of_something_else_is_left_alone(settings, use, tmp_path):
    use(Stub())
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "thesis.txt").write_text("dear")
    with pytest.raises(InvalidInput, match="holds something else than a kit"):
        write_kit(settings(), Silent())
    with pytest.raises(InvalidInput, match="something else"):
        write_kit(settings(out=tmp_path / "tiny.yaml"), Silent())
    write_kit(settings(out=tmp_path / "other"), Silent())
    with pytest.raises(InvalidInput, match="holds a kit with batch 1, not 2"):
        write_kit(settings(out=tmp_path / "other", batch=2), Silent())
    (tmp_path / "tiny.yaml").write_text(SPACE.replace("[24, 32]", "[24, 40]"))
    with pytest.raises(InvalidInput, match="a kit of other blocks"):
        write_kit(settings(out=tmp_path / "other"), Silent())


def test_settings_are_checked(settings, tmp_path):
    with pytest.raises(InvalidInput, match="`copies`: expected at least 1, got 0"):
        settings(copies=0)
    with pytest.raises(InvalidInput, match="`blocks`: expected at least 5"):
        settings(blocks=2)
    with pytest.raises(UnknownName, match="did you mean 'coreml'"):
        write_kit(settings(runtime="core-ml"), Silent())


def test_two_spaces_of_one_name_are_refused(settings, use, tmp_path):
    use(Stub())
    (tmp_path / "twin.yaml").write_text(SPACE)
    names = (str(tmp_path / "tiny.yaml"), str(tmp_path / "twin.yaml"))
    with pytest.raises(InvalidInput, match="two spaces are named 'tiny'"):
        write_kit(settings(spaces=names), Silent())


@pytest.mark.parametrize(("runtime", "package"), [("coreml", "coremltools"), ("onnx", "onnx")])
def test_a_converter_that_is_not_installed_names_its_extra(monkeypatch, runtime, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"package '{package}': pip install 'vitnas\[{runtime}\]'"):
        load_exporter(runtime)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_of_kits_need_no_vitnas_and_an_old_python(script):
    tree = ast.parse(script.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            top = name.partition(".")[0]
            known = {"numpy", "onnxruntime", "coremltools", "kit_timing"}
            assert top in known or top in sys.stdlib_module_names, name


def test_the_script_of_an_onnx_kit_measures_and_goes_on(settings, tmp_path):
    pytest.importorskip("onnxruntime")
    write_kit(settings(runtime="onnx", networks=1), Silent())
    kit = tmp_path / "kit"
    (kit / "results.csv").write_text(
        "id,latency_ms,iqr_ms,runs\nempty,0.5,0.1,9\n4c1f,0."
    )  # cut off by a kill
    command = [sys.executable, str(kit / "measure.py"), "--runs", "2"]
    done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, check=True)
    assert b"18 models, 1 measured before" in done.stderr
    with (kit / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"id": "empty", "latency_ms": "0.5", "iqr_ms": "0.1", "runs": "9"}
    assert Counter(row["id"] for row in rows) == Counter(p.id for p in read_manifest(kit).probes)
    assert all(float(row["latency_ms"]) > 0 and int(row["runs"]) >= 2 for row in rows)
    conditions = json.loads((kit / "results.conditions.json").read_text())
    assert conditions["threads"] == 1 and conditions["runtime"].startswith("ONNX Runtime")
    other = subprocess.run([*command, "--threads", "2"], stderr=subprocess.PIPE, check=False)
    assert other.returncode == 1 and b"begun with threads 1, not 2" in other.stderr


ADB = """#!/bin/sh
echo "$@" >> "$LOG"
[ "$1" = shell ] || exit 0
case "$2" in
    getprop)
        case "$3" in *release) printf '14\\r\\n';; *model) printf 'Pixel 8\\r\\n';; *) echo Google;; esac;;
    cd*) printf '%b' "$SAID";;
esac
"""
NEW = r"Average inference time cost: 1.9 ms\r\nMin Latency: 0.00183 s\r\nP50 Latency: 0.00185674 s\r\n"
OLD = r"Average time cost:58.8053 ms\nMin Latency is 0.0559sec\nP50 Latency is 0.0587108sec\n"
NO_STATISTICS = r"Average inference time cost: 0.0371454 ms\n"


@pytest.mark.parametrize(("said", "ms"), [(NEW, "1.85674"), (OLD, "58.7108"), (NO_STATISTICS, "0.0371454")])
def test_the_phone_script_reads_the_benchmark_tool(settings, use, tmp_path, said, ms):
    stub = Stub()
    stub.suffix = ".onnx"
    stub.templates = {"measure_adb.sh": "onnx/measure_adb.sh"}
    use(stub)
    write_kit(settings(networks=0), Silent())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "adb").write_text(ADB)
    (tmp_path / "bin" / "adb").chmod(0o755)
    (tmp_path / "perf_test").write_text("")
    log = tmp_path / "log"
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "LOG": str(log), "SAID": said, "THREADS": "4"}
    script = tmp_path / "kit" / "measure_adb.sh"
    command = ["sh", str(script), str(tmp_path / "perf_test")]
    results = tmp_path / "kit" / "results_phone.csv"
    results.write_text("id,latency_ms,iqr_ms,runs\nempty,0.1,,30\n")
    subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    rows = results.read_text().splitlines()[2:]
    ids = [p.id for p in read_manifest(tmp_path / "kit").probes]
    assert rows == [f"{key},{ms},,30" for key in ids[1:]]
    assert "-I -s -m times -r 30 -x 4 -y 1 -e cpu" in log.read_text()
    conditions = json.loads((tmp_path / "kit" / "results_phone.conditions.json").read_text())
    assert conditions == {
        "device": "Google Pixel 8", "os": "Android 14", "compute_units": "cpu", "threads": 4,
    }  # fmt: skip
    other = subprocess.run(command, env={**env, "THREADS": "1"}, stderr=subprocess.PIPE, check=False)
    assert other.returncode == 2 and b"was begun with" in other.stderr


PHONE = """#!/bin/sh
kind=$1
shift
case "$kind" in
    push) cp "$1" "$2";;
    shell) case "$1" in getprop) echo Google;; cd*) eval "$*"; printf '%b' "$SAID";; *) eval "$*";; esac;;
esac
"""


@pytest.mark.parametrize("name", ["Download", 'it\'s a $(touch pwned) `touch pwned` "x"; touch pwned'])
def test_the_phone_script_removes_only_what_it_sent(settings, use, tmp_path, name):
    stub = Stub()
    stub.suffix = ".onnx"
    stub.templates = {"measure_adb.sh": "onnx/measure_adb.sh"}
    use(stub)
    write_kit(settings(networks=0), Silent())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "adb").write_text(PHONE)
    (tmp_path / "bin" / "adb").chmod(0o755)
    (tmp_path / "perf_test").write_text('#!/bin/sh\nprintf "%s|" "$@" >> "$LOG"\n')
    (tmp_path / "libonnxruntime.so").write_text("")
    phone = tmp_path / name
    phone.mkdir()
    for mine in ("photo.jpg", "model.onnx", "perf_test"):
        (phone / mine).write_text("mine")
    env = {
        **{"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "SAID": NEW},
        **{"FOLDER": str(phone), "OPTIONS": "-i key|val;touch * $(touch pwned)"},
    }
    command = ["sh", str(tmp_path / "kit" / "measure_adb.sh"), str(tmp_path / "perf_test")]
    subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, cwd=tmp_path)
    assert sorted(path.name for path in phone.iterdir()) == ["model.onnx", "perf_test", "photo.jpg"]
    assert {path.read_text() for path in phone.iterdir()} == {"mine"}
    assert not list(tmp_path.rglob("pwned"))
    assert "|-e|cpu|-i|key|val;touch|*|$(touch|pwned)|model.onnx|" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("setting", "value"), [("RUNS", "1; touch x"), ("PROVIDER", "cpu$(x)"), ("FOLDER", "relative")]
)
def test_the_phone_script_refuses_what_it_cannot_use(tmp_path, setting, value):
    script = TEMPLATES / "onnx" / "measure_adb.sh"
    (tmp_path / "perf_test").write_text("")
    env = {"PATH": os.environ["PATH"], setting: value}
    done = subprocess.run(["sh", str(script), str(tmp_path / "perf_test")], env=env, capture_output=True)
    assert done.returncode == 2 and setting.encode() in done.stderr and value.encode() in done.stderr


@pytest.mark.parametrize("script", sorted(TEMPLATES.rglob("*.sh")), ids=lambda path: path.name)
def test_shell_scripts_are_posix(script):
    subprocess.run(["sh", "-n", str(script)], check=True)
