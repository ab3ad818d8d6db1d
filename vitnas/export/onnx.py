"""An ONNX file, checked with ONNX Runtime."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from vitnas.errors import InvalidInput, describe, missing_extra
from vitnas.export import Exported
from vitnas.export._proof import SHOWN_TOLERANCE, exported_program, prepared, proven, shown
from vitnas.hardware.measure.runtime import quiet
from vitnas.space.files import ArchitectureSource, load_architecture
from vitnas.store.disk import atomic_write_parts

TOLERANCE = 1e-4
OLDEST_OPSET = 18  # older ones lack operators that the conversion needs


def export_onnx(
    source: ArchitectureSource,
    path: str | Path,
    model: nn.Module | None = None,
    *,
    trust: bool = False,
    opset: int | None = None,
) -> Exported:
    """Write an ONNX file with input ``images`` (batch, C, H, W) and output ``logits`` (batch, classes).

    If onnxruntime is installed, its outputs are compared with the network's, and those of a second file in
    which every branch shows: layer scales of fresh networks would hide them.

    Args:
        source: the network, as in :func:`vitnas.load_architecture`.
        path: file to write.
        model: a network of this architecture with the weights to write; fresh ones if left out.
        trust: whether code that the network's file names by its path may be imported.
        opset: version of ONNX's operators, 18 or later; None takes PyTorch's own choice.

    Raises:
        InvalidInput: the network cannot be written in this opset.
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
    data = _converted(program, opset)
    call = f"onnxruntime.InferenceSession({str(path)!r})"
    if importlib.util.find_spec("onnxruntime") is None:
        proof = "not checked: pip install onnxruntime to compare its outputs with the network's"
        atomic_write_parts(path, [data])
        return Exported(path, proof, None, dynamic, call)
    with shown(network):  # the program's weights are the network's
        other = _in_onnx_runtime(_converted(program, opset))
        proven(path, network, other, architecture, dynamic=dynamic, tolerance=SHOWN_TOLERANCE)
    loaded = _in_onnx_runtime(data)
    difference = proven(path, network, loaded, architecture, dynamic=dynamic, tolerance=TOLERANCE)
    atomic_write_parts(path, [data])
    proof = f"ONNX Runtime: outputs differ from the network's by {difference:.1g} at most"
    return Exported(path, proof, difference, dynamic, call)


def _converted(program: ExportedProgram, opset: int | None) -> bytes:
    """The program in ONNX; a batch of any size is the axis ``batch``.

    Raises:
        InvalidInput: the converter cannot go to this opset.
    """
    if opset is not None and opset < OLDEST_OPSET:
        raise InvalidInput(f"`opset` {opset}: PyTorch converts to {OLDEST_OPSET} or later")
    given: dict[str, Any] = {} if opset is None else {"opset_version": opset}
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["logits"]}
    try:
        with quiet():
            converted: Any = torch.onnx.export(program, **names, **given, dynamo=True, verbose=False)
    except (torch.onnx.errors.OnnxExporterError, ValueError) as problem:
        if opset is None:
            raise
        raise InvalidInput(f"`opset` {opset}: it cannot be converted: {describe(problem)[:200]}") from None
    model = converted.model_proto
    found = next(entry.version for entry in model.opset_import if not entry.domain)
    if opset not in (None, found):
        raise InvalidInput(f"`opset` {opset}: the installed converter gives {found}")
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info) if batch else ():
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = re.sub(rf"\b{re.escape(batch)}\b", "batch", size.dim_param)
    written: bytes = model.SerializeToString()
    return written


def _in_onnx_runtime(model: bytes) -> Callable[[Tensor], Tensor]:
    """An ONNX model as a function of images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def logits(x: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": x.numpy()})[0])

    return logits
