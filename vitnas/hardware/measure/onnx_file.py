"""A module as ONNX, quickly: hundreds of blocks are exported for one table."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.errors import import_extra
from vitnas.hardware.measure.runtime import CannotConvert, first_line, quiet

OPSET = 18
INPUT, OUTPUT = "x", "y"


def onnx_bytes(module: nn.Module, example: Tensor) -> bytes:
    """The module in eval mode as an ONNX model with input ``x`` and output ``y``, for the example's shape.

    The TorchScript exporter writes a block in some 50 ms where the newer one takes 1 s; the runtime makes the
    same of both. Where torch has it no more, the newer one is used.

    Raises:
        MissingExtra: the package onnx is not installed.
        CannotConvert: the exporter knows an operator not; the message is its first line.
    """
    import_extra("onnx", "onnx")
    with quiet(), torch.no_grad():
        try:
            return _export(module.eval(), example)
        except Exception as problem:  # the exporters raise anything
            raise CannotConvert(f"it cannot be exported to ONNX: {first_line(problem)}") from None


def _export(module: nn.Module, example: Tensor) -> bytes:
    names: dict[str, Any] = {"input_names": [INPUT], "output_names": [OUTPUT], "opset_version": OPSET}
    file = io.BytesIO()
    try:
        torch.onnx.export(module, (example,), file, dynamo=False, **names)  # type: ignore[arg-type]
    except TypeError:  # no such argument any more
        program: Any = torch.onnx.export(module, (example,), dynamo=True, verbose=False, **names)
        written: bytes = program.model_proto.SerializeToString()
        return written
    return file.getvalue()
