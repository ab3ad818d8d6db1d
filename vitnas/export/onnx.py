"""An ONNX file, checked with ONNX Runtime."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.errors import missing_extra
from vitnas.export import Exported
from vitnas.export._proof import exported_program, prepared, proven
from vitnas.hardware.measure.runtime import quiet
from vitnas.space.files import ArchitectureSource, load_architecture
from vitnas.store.disk import atomic_write_parts

TOLERANCE = 1e-4


def export_onnx(
    source: ArchitectureSource, path: str | Path, model: nn.Module | None = None, *, trust: bool = False
) -> Exported:
    """Write an ONNX file with input ``images`` (B, C, H, W) and output ``logits`` (B, classes).

    If onnxruntime is installed, its outputs are compared with the network's.

    Args:
        source: the network, as in :func:`vitnas.load_architecture`.
        path: file to write.
        model: a network of this architecture with the weights to write; fresh ones if left out.
        trust: whether code that the network's file names by its path may be imported.

    Raises:
        MissingExtra: the package onnx or onnxscript is not installed.
        VitnasError: ONNX Runtime's outputs are not the network's within 1e-4.
        RunError: the file cannot be written.
    """
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "onnx")
    path = Path(path)
    architecture = load_architecture(source, trust=trust)
    network = prepared(architecture, model)
    program, dynamic = exported_program(network, architecture)
    with quiet():
        converted: Any = torch.onnx.export(
            program, input_names=["images"], output_names=["logits"], dynamo=True, verbose=False
        )
    data: bytes = converted.model_proto.SerializeToString()
    call = f"onnxruntime.InferenceSession({str(path)!r})"
    if importlib.util.find_spec("onnxruntime") is None:
        proof = "not checked: pip install onnxruntime to compare its outputs with the network's"
        atomic_write_parts(path, [data])
        return Exported(path, proof, None, dynamic, call)
    loaded = _in_onnx_runtime(data)
    difference = proven(path, network, loaded, architecture, dynamic=dynamic, tolerance=TOLERANCE)
    atomic_write_parts(path, [data])
    proof = f"ONNX Runtime: outputs differ from the network's by {difference:.1g} at most"
    return Exported(path, proof, difference, dynamic, call)


def _in_onnx_runtime(model: bytes) -> Callable[[Tensor], Tensor]:
    """An ONNX model as a function of images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def logits(x: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": x.numpy()})[0])

    return logits
