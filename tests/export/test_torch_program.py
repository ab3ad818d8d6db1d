from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import vitnas
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.arch.yaml_io import parse_yaml
from vitnas.errors import RunError, VitnasError
from vitnas.export.torch_program import export_torch

Trained = Callable[[Architecture], Network]


class FixedBatch(nn.Module):
    """Like an operator that works for two images only."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2, -1)[:, :7]


LOADER = """
import sys
sys.modules["vitnas"] = None  # importing it fails from here on
import torch
program = torch.export.load(sys.argv[1]).module()
with torch.no_grad():
    torch.save({n: program(x) for n, x in torch.load(sys.argv[2]).items()}, sys.argv[3])
try:
    import vitnas
except ImportError:
    print("without vitnas")
"""


@pytest.mark.parametrize("family", ["small_v1", "small_v2"])
def test_a_program_runs_without_vitnas_for_any_batch(
    family: str, trained: Trained, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    small: Architecture = request.getfixturevalue(family)
    small = dataclasses.replace(small, resolution_px=96)
    network = trained(small)
    written = export_torch(small, tmp_path / "small.pt2", network)
    assert written.path == tmp_path / "small.pt2"
    assert written.dynamic_batch is True
    assert written.difference is not None
    assert written.difference < 1e-5

    side = small.resolution_px
    images = {n: torch.randn(n, 3, side, side) for n in (1, 2, 5)}
    torch.save(images, tmp_path / "images.pt")
    arguments = ["small.pt2", "images.pt", "logits.pt"]
    command = [sys.executable, "-I", "-c", LOADER, *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == "without vitnas\n"
    for n, logits in torch.load(tmp_path / "logits.pt").items():
        with torch.no_grad():
            ours = network(images[n])
        assert isinstance(ours, Tensor)
        assert logits.shape == (n, small.classes)
        assert ours.std() > 0.1
        assert torch.allclose(logits, ours, atol=1e-5)


def test_the_file_holds_its_architecture(small_v2: Architecture, tmp_path: Path) -> None:
    export_torch(small_v2, tmp_path / "small.pt2", FixedBatch())
    extra = {"architecture.yaml": ""}
    torch.export.load(tmp_path / "small.pt2", extra_files=extra)
    assert Architecture.from_dict(parse_yaml(extra["architecture.yaml"]).data).id == small_v2.id


def test_the_given_network_is_left_as_it_was(
    small_v2: Architecture, simple: nn.Module, tmp_path: Path
) -> None:
    before = {key: value.clone() for key, value in simple.state_dict().items()}
    export_torch(small_v2, tmp_path / "small.pt2", simple)
    assert simple.training
    assert all(torch.equal(value, before[key]) for key, value in simple.state_dict().items())


def test_a_network_with_a_fixed_batch_is_exported_for_that(small_v2: Architecture, tmp_path: Path) -> None:
    written = export_torch(small_v2, tmp_path / "fixed.pt2", FixedBatch())
    assert written.dynamic_batch is False
    assert torch.export.load(written.path).module()(torch.ones(2, 3, 64, 64)).shape == (2, 7)


def test_weights_that_are_not_finite_leave_no_file(
    small_v2: Architecture, simple: nn.Module, tmp_path: Path
) -> None:
    next(simple.parameters()).data.fill_(float("nan"))
    with pytest.raises(VitnasError, match=r"small\.pt2: not written: .* by nan.* not finite"):
        export_torch(small_v2, tmp_path / "small.pt2", simple)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist(small_v2: Architecture, simple: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*small\.pt2: No such file"):
        export_torch(small_v2, tmp_path / "missing" / "small.pt2", simple)


@pytest.mark.parametrize("export", ["torch", "onnx"])
def test_the_comparison_sees_a_branch_that_fresh_scales_hide(
    export: str, small_v2: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A converter that loses the residual branches changes a fresh network's outputs by 1e-6 only."""
    from vitnas.ops._layers import LayerScale

    pytest.importorskip("onnxscript")
    small = dataclasses.replace(small_v2, resolution_px=64)
    plain = LayerScale.forward

    def lossy(self: LayerScale, x: Tensor) -> Tensor:
        return plain(self, x) * (0.0 if torch.compiler.is_exporting() else 1.0)

    monkeypatch.setattr(LayerScale, "forward", lossy)
    write = {"torch": vitnas.export_torch, "onnx": vitnas.export_onnx}[export]
    with pytest.raises(VitnasError, match="its outputs differ"):
        write(small, tmp_path / "net")
