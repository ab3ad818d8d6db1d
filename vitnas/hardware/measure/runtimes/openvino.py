"""OpenVINO on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vitnas.errors import missing_extra
from vitnas.hardware.measure.onnx_file import onnx_bytes
from vitnas.hardware.measure.runtime import (
    CannotConvert,
    RuntimeConditions,
    first_line,
    operating_system,
    processor,
    wall_times_ms,
)


class Openvino:
    """OpenVINO on the CPU, float32, for latency."""

    eager = False

    def __init__(self, threads: int = 1) -> None:
        try:
            import openvino
        except ImportError:
            raise missing_extra("openvino", "openvino") from None
        self._package: Any = openvino
        self._core: Any = openvino.Core()
        self._threads = threads

    def conditions(self) -> RuntimeConditions:
        """Version and threads."""
        return RuntimeConditions(
            device=processor(),
            runtime=f"OpenVINO {self._package.__version__.partition('-')[0]}",  # without the build
            os=operating_system(),
            compute_units="CPU",
            dtype="float32",
            threads=self._threads,
        )

    def prepare(self, module: nn.Module, example: Tensor) -> _Request:
        """A compiled model with one request, read from ONNX.

        Raises:
            CannotConvert: the exporter or OpenVINO refuses the module.
        """
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(self._threads),
            "INFERENCE_PRECISION_HINT": "f32",  # without it, bfloat16 wherever the CPU has it
        }
        model = onnx_bytes(module, example)
        try:
            compiled = self._core.compile_model(self._core.read_model(model), "CPU", settings)
        except RuntimeError as problem:
            raise CannotConvert(f"OpenVINO refuses it: {first_line(problem)}") from None
        return _Request(compiled.create_infer_request(), self._package.Tensor(example.numpy()))


class _Request:
    def __init__(self, request: Any, tensor: Any) -> None:
        request.set_input_tensor(tensor)
        self._request = request

    def times_ms(self, runs: int) -> list[float]:
        """Wall time of each synchronous call."""
        return wall_times_ms(lambda: self._request.infer(share_outputs=True), runs)

    def outputs(self) -> Tensor:
        """The first output."""
        return torch.from_numpy(self._request.infer()[0].copy())
