"""ONNX Runtime on the CPU."""

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


class Onnxruntime:
    """ONNX Runtime on the CPU, float32."""

    eager = False

    def __init__(self, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise missing_extra("onnxruntime", "onnx") from None
        self._package: Any = onnxruntime
        self._threads = threads

    def conditions(self) -> RuntimeConditions:
        """Version and threads."""
        return RuntimeConditions(
            device=processor(),
            runtime=f"ONNX Runtime {self._package.__version__}",
            os=operating_system(),
            compute_units="CPU",
            dtype="float32",
            threads=self._threads,
        )

    def prepare(self, module: nn.Module, example: Tensor) -> _Session:
        """An optimised session.

        Raises:
            CannotConvert: the exporter or the session refuses the module.
        """
        return _Session(self._package, onnx_bytes(module, example), example, self._threads)


class _Session:
    def __init__(self, package: Any, model: bytes, example: Tensor, threads: int) -> None:
        options = package.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = package.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # of classes that the package does not export
            raise CannotConvert(f"ONNX Runtime refuses it: {first_line(problem)}") from None
        self._feed = {self._session.get_inputs()[0].name: example.numpy()}

    def times_ms(self, runs: int) -> list[float]:
        """Wall time of each call."""
        return wall_times_ms(lambda: self._session.run(None, self._feed), runs)

    def outputs(self) -> Tensor:
        """The first output."""
        return torch.from_numpy(self._session.run(None, self._feed)[0])
