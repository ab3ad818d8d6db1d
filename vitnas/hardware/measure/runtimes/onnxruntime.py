"""ONNX Runtime on the CPU."""

from __future__ import annotations

from torch import Tensor

from vitnas.hardware.measure.runtimes._onnx import CpuCall, OnnxOnCpu


class Onnxruntime(OnnxOnCpu):
    """ONNX Runtime on the CPU, float32."""

    title, package, extra = "ONNX Runtime", "onnxruntime", "onnx"

    def load(self, model: bytes, example: Tensor) -> CpuCall:
        """An optimised session."""
        options = self._package.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = self._package.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: example.numpy()}
        return CpuCall(lambda: session.run(None, feed), lambda: session.run(None, feed)[0])
