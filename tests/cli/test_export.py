from __future__ import annotations

import dataclasses
import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture, save_architecture
from vitnas.export import FORMATS, writer

Run = Callable[..., tuple[int, str, str]]

TINY = {
    "name": "tiny_net",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 5,
    "stem": {"op": "conv_stem"},
    "stages": [{"width": 8, "blocks": [{"op": "conv_ffn", "expansion": 2}]}],
    "head": {"op": "pooled_classifier"},
}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Architecture:
    """A network in the file ``tiny.yaml`` of the working folder."""
    monkeypatch.chdir(tmp_path)
    architecture = Architecture.from_dict(TINY)
    save_architecture(architecture, "tiny.yaml")
    return architecture


def test_torch_with_weights_at_another_resolution(run: Run, tiny: Architecture) -> None:
    network = build(tiny).eval()
    save_file(network.state_dict(), "weights.safetensors")
    arguments = ("--to", "torch", "--resolution-px", "64", "--weights", "weights.safetensors")
    code, out, err = run("export", "tiny.yaml", *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("wrote tiny_net.pt2 (a torch.export program, any batch)\nloaded again: ")
    assert "fresh" not in out
    images = torch.randn(3, 3, 64, 64)
    program = torch.export.load("tiny_net.pt2").module()
    state, network = network.state_dict(), build(dataclasses.replace(tiny, resolution_px=64)).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        assert torch.allclose(program(images), network(images), atol=1e-6)


def test_onnx_with_other_classes_as_json(run: Run, tiny: Architecture) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    arguments = ("--to", "onnx", "--num-classes", "9", "--opset", "18", "--out", "net.onnx", "--json")
    code, out, err = run("export", "tiny.yaml", *arguments)
    assert (code, err) == (0, "")
    written = json.loads(out)
    assert (written["format"], written["path"], written["dynamic_batch"]) == ("onnx", "net.onnx", True)
    assert written["difference"] < 1e-4
    (output,) = onnxruntime.InferenceSession("net.onnx").get_outputs()
    assert output.shape == ["batch", 9]
    onnx = pytest.importorskip("onnx")
    assert [entry.version for entry in onnx.load("net.onnx").opset_import if not entry.domain] == [18]


def test_timm_prints_and_writes_the_call(run: Run, tiny: Architecture) -> None:
    pytest.importorskip("timm")
    code, out, err = run("export", "efficientformer:s1", "--to", "timm", "--num-classes", "10")
    assert (code, err) == (0, "")
    assert 'use: timm.create_model("efficientformerv2_s1", embed_dims=(32, 48, 120, 224), ' in out
    text = Path("efficientformer-s1_timm.py").read_text()
    assert "    num_classes=10,\n" in text


@pytest.mark.parametrize("to", ["torch", "onnx", "timm"])
def test_a_full_disk_leaves_the_old_file(run: Run, tiny: Architecture, to: str) -> None:
    pytest.importorskip("onnxscript")
    source = "efficientformer:s0" if to == "timm" else "tiny.yaml"
    Path("net.out").write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        code, _, err = run("export", source, "--to", to, "--out", "net.out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 2 and err.endswith("error: cannot write net.out: File too large\n")
    assert Path("net.out").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["net.out", "tiny.yaml"]


def test_weights_that_are_not_used_as_given_are_refused_or_said(run: Run, tiny: Architecture) -> None:
    torch.save({"state_dict": build(dataclasses.replace(tiny, classes=10)).state_dict()}, "ten.pth")
    code, out, err = run("export", "tiny.yaml", "--to", "torch", "--weights", "ten.pth")
    assert (code, out) == (2, "")
    assert err == "error: ten.pth has 10 classes and the network 5: take --num-classes 10\n"
    assert not Path("tiny_net.pt2").exists()
    arguments = ("export", "tiny.yaml", "--to", "torch", "--weights", "ten.pth", "--num-classes")
    assert run(*arguments, "10")[0] == 0
    note = "ten.pth: its classifier is left out, for the network has none"
    assert note in run(*arguments, "0")[1].splitlines()
    assert json.loads(run(*arguments, "0", "--json")[1])["notes"] == [note]


def test_fresh_weights_are_said_to_be_fresh(run: Run, tiny: Architecture) -> None:
    assert "weights are fresh, not trained" in run("export", "tiny.yaml", "--to", "torch")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "tom"), "unknown format 'tom'; did you mean 'timm'? (known: onnx, timm, torch)"),
        (("--to", "onnx", "--out", "nowhere/x.onnx"), "no such folder: 'nowhere'"),
        (("--to", "torch", "--resolution-px", "225"), "225 px"),
        (("--to", "torch", "--weights", "none.pth"), "none.pth: no such weights file"),
        (("--to", "timm", "--weights", "none.pth"), "a timm file holds no weights"),
        (("--to", "timm", "--resolution-px", "30"), "stem (conv_stem)"),
        (("--to", "torch", "--out", "."), "Is a directory"),
        (("--to", "onnx", "--opset", "17"), "--opset 17: PyTorch converts to 18 or later"),
        (("--to", "torch", "--opset", "18"), "--opset is for onnx files, not for torch"),
    ],
)
def test_what_cannot_be_exported(run: Run, tiny: Architecture, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run("export", "tiny.yaml", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_what_timm_cannot_hold_is_an_error(run: Run, tiny: Architecture) -> None:
    code, _, err = run("export", "efficientformer_v1:l1", "--to", "timm", "--resolution-px", "256")
    assert code == 2
    assert "timm's classes cannot hold this network" in err


def test_every_format_has_a_writer() -> None:
    for name, entry in FORMATS.items():
        assert writer(name).__name__ == entry.writer
