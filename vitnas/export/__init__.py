"""Networks as files that other programs load: one format a module, imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vitnas.errors import unknown


@dataclass(frozen=True)
class Exported:
    """What was written and how it was proven.

    Attributes:
        path: the file.
        proof: one line: what was compared, and with what result.
        difference: largest absolute difference between the file's outputs and ours; None if not compared.
        dynamic_batch: whether the file takes any number of images at once; None where that has no meaning.
        call: what to write in a program that loads it.
    """

    path: Path
    proof: str
    difference: float | None = None
    dynamic_batch: bool | None = None
    call: str = ""


class Format(NamedTuple):
    """Where a format's writer is: ``write(architecture, path, model=None) -> Exported``."""

    module: str
    writer: str
    suffix: str
    takes_weights: bool
    description: str


FORMATS = {
    "onnx": Format("onnx", "export_onnx", ".onnx", True, "ONNX, checked with ONNX Runtime"),
    "timm": Format("timm", "write_timm", "_timm.py", False, "the timm.create_model call that builds it"),
    "torch": Format("torch_program", "export_torch", ".pt2", True, "a torch.export program"),
}


def writer(name: str) -> Callable[..., Exported]:
    """The function that writes a format.

    Raises:
        UnknownName: no such format.
    """
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    entry = FORMATS[name]
    found: Any = getattr(importlib.import_module(f"vitnas.export.{entry.module}"), entry.writer)
    return found  # type: ignore[no-any-return]
