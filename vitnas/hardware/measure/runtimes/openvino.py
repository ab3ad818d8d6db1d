"""OpenVINO on the CPU."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vitnas.hardware.measure.runtimes._onnx import CpuCall, OnnxOnCpu


class Openvino(OnnxOnCpu):
    """OpenVINO on the CPU, float32, for latency."""

    title, package, extra = "OpenVINO", "openvino", "openvino"

    def compiled(self, model: bytes) -> Any:
        """An ONNX model, compiled."""
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(self._threads),
            "INFERENCE_PRECISION_HINT": "f32",  # without it, bfloat16 wherever the CPU has it
        }
        core = self._package.Core()
        return core.compile_model(core.read_model(model), "CPU", settings)

    def load(self, model: bytes, example: Tensor) -> CpuCall:
        """One request, with the example for input."""
        request = self.compiled(model).create_infer_request()
        request.set_input_tensor(self._package.Tensor(example.numpy()))
        return CpuCall(lambda: request.infer(share_outputs=True), lambda: request.infer()[0].copy())
