"""ONNX files, for ONNX Runtime on a phone or a computer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from vitnas.errors import import_extra
from vitnas.hardware.measure.onnx_file import onnx_bytes
from vitnas.store.disk import atomic_write_parts


class OnnxExporter:
    """One ``.onnx`` a model, float32, with its weights inside."""

    suffix = ".onnx"
    dtype = "float32"
    copies = 1
    templates: Mapping[str, str] = {
        "README.md": "onnx/README.md",
        "measure.py": "onnx/measure.py",
        "kit_timing.py": "shared/kit_timing.py",
        "measure_adb.sh": "onnx/measure_adb.sh",
    }
    conditions: Mapping[str, str] = {"runtime": "ONNX Runtime", "compute_units": "CPU"}
    by_hand = False

    def __init__(self) -> None:
        import_extra("onnx", "onnx")

    def save(self, module: nn.Module, example: Tensor, path: Path) -> None:
        """Write one file."""
        atomic_write_parts(path, [onnx_bytes(module, example)])
