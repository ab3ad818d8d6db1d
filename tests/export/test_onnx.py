from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.errors import MissingExtra, VitnasError
from vitnas.export import onnx as module
from vitnas.export.onnx import export_onnx

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

Trained = Callable[[Architecture], Network]


def test_onnx_runtime_gives_our_outputs_for_any_batch(
    small: Architecture, trained: Trained, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = trained(small)
    written = export_onnx(small, tmp_path / "small.onnx", network)
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]  # weights inside
    assert written.dynamic_batch is True
    assert written.difference is not None
    assert written.difference < 1e-4
    session = onnxruntime.InferenceSession(str(written.path))
    for batch in (1, 4):
        images = torch.randn(batch, 3, small.resolution_px, small.resolution_px)
        with torch.no_grad():
            ours = network(images)
        assert isinstance(ours, Tensor)
        assert ours.std() > 0.1
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        assert torch.allclose(torch.from_numpy(logits), ours, atol=1e-4)


def hide(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest)
    )


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named_with_its_extra(
    package: str, small_v2: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(package, monkeypatch)
    with pytest.raises(MissingExtra, match=rf"'{package}': pip install 'vitnas\[onnx\]'"):
        export_onnx(small_v2, tmp_path / "small.onnx")


def test_without_onnxruntime_the_file_is_written_and_said_to_be_unchecked(
    small_v2: Architecture, simple: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide("onnxruntime", monkeypatch)
    written = export_onnx(small_v2, tmp_path / "small.onnx", simple)
    assert written.path.is_file()
    assert written.difference is None
    assert written.proof.startswith("not checked")


def test_outputs_that_differ_leave_no_file(
    small_v2: Architecture, simple: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = module._in_onnx_runtime
    monkeypatch.setattr(module, "_in_onnx_runtime", lambda path: lambda x: run(path)(x) + 2e-4)
    with pytest.raises(VitnasError, match=r"differ from the network's by 0\.0002"):
        export_onnx(small_v2, tmp_path / "small.onnx", simple)
    assert list(tmp_path.iterdir()) == []
