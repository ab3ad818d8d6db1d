"""Core ML packages, for Apple's phones, tablets and computers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.errors import import_extra
from vitnas.hardware.measure.onnx_file import INPUT
from vitnas.hardware.measure.runtime import CannotConvert, first_line, quiet


class CoremlExporter:
    """One ``.mlpackage`` a model: an ML program in float16 for iOS 16, macOS 13 and later.

    A call of Apple's Neural Engine costs some 0.2 ms, more than most blocks: hence the chains.
    """

    suffix = ".mlpackage"
    dtype = "float16"
    copies = 8
    templates: Mapping[str, str] = {
        "README.md": "coreml/README.md",
        "measure_mac.py": "coreml/measure_mac.py",
        "kit_timing.py": "shared/kit_timing.py",
    }
    conditions: Mapping[str, str] = {"runtime": "Core ML", "compute_units": "ALL"}
    by_hand = True

    def __init__(self) -> None:
        with quiet():
            self._tools = import_extra("coremltools", "coreml")

    def save(self, module: nn.Module, example: Tensor, path: Path) -> None:
        """Write one package.

        A plain trace keeps shapes that Python computes as tensors of one element, which coremltools 9.0
        cannot read with NumPy 2.4. A module that was exported first has them as constants; that takes
        longer, so it comes second.
        """
        module = module.eval()
        with quiet(), torch.no_grad():
            try:
                package = self._convert(module, example)
            except Exception:  # converters raise anything
                try:
                    package = self._convert(torch.export.export(module, (example,)).module(), example)
                except Exception as problem:
                    raise CannotConvert(f"it cannot be converted to Core ML: {first_line(problem)}") from None
            package.save(str(path))

    def _convert(self, module: Any, example: Tensor) -> Any:
        tools = self._tools
        jit: Any = torch.jit
        traced = jit.trace(module, example, check_trace=False)
        return tools.convert(
            traced,
            inputs=[tools.TensorType(name=INPUT, shape=tuple(example.shape))],
            convert_to="mlprogram",
            compute_precision=tools.precision.FLOAT16,
            minimum_deployment_target=tools.target.iOS16,
            skip_model_load=True,
        )
