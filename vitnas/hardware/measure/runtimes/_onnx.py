"""What the runtimes that read ONNX on the CPU share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vitnas.errors import import_extra
from vitnas.hardware.measure.onnx_file import onnx_bytes
from vitnas.hardware.measure.runtime import (
    CannotConvert,
    RuntimeConditions,
    first_line,
    operating_system,
    processor,
    wall_times_ms,
)


@dataclass(frozen=True)
class CpuCall:
    """A `vitnas.hardware.measure.runtime.Timed`: a call, and its first output as an array of NumPy."""

    run: Callable[[], object]
    first: Callable[[], Any]

    def times_ms(self, runs: int) -> list[float]:
        """Wall time of each call."""
        return wall_times_ms(self.run, runs)

    def outputs(self) -> Tensor:
        """The first output."""
        return torch.from_numpy(self.first())


class OnnxOnCpu(ABC):
    """A runtime that reads ONNX files and runs them on the CPU in float32.

    Attributes:
        title: its name.
        package, extra: of Python, and of vitnas, that it needs.
    """

    eager = False
    title: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str]

    def __init__(self, threads: int = 1) -> None:
        self._package = import_extra(self.package, self.extra)
        self._threads = threads

    def conditions(self) -> RuntimeConditions:
        """Version and threads."""
        version = self._package.__version__.partition("-")[0]  # without the build
        name = f"{self.title} {version}"
        return RuntimeConditions(processor(), name, operating_system(), "CPU", "float32", self._threads)

    def prepare(self, module: nn.Module, example: Tensor) -> CpuCall:
        """The module, read by the runtime from ONNX.

        Raises:
            CannotConvert: the exporter or the runtime refuses the module.
        """
        model = onnx_bytes(module, example)
        try:
            return self.load(model, example)
        except Exception as problem:  # of classes that not every package exports
            raise CannotConvert(f"{self.title} refuses it: {first_line(problem)}") from None

    @abstractmethod
    def load(self, model: bytes, example: Tensor) -> CpuCall:
        """An ONNX model, ready to run on the example."""
