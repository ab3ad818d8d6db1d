"""What writes the models of a kit: one exporter a file behind one small interface."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from vitnas.errors import unknown

EXPORTERS = {
    "coreml": "vitnas.hardware.kit.coreml_exporter.CoremlExporter",
    "onnx": "vitnas.hardware.kit.onnx_exporter.OnnxExporter",
}


class Exporter(Protocol):
    """Writes a module as a file that a runtime reads.

    Making one raises `MissingExtra` where its package is not installed.

    Attributes:
        suffix: of the files, with the dot.
        dtype: that the runtime computes in; one of ``BYTES_OF_DTYPE``.
        copies: of a block in a chain, unless the user says another number.
        templates: file in the kit -> file in ``templates``.
        conditions: what the kit implies of `Conditions`: ``runtime``, ``compute_units``.
        by_hand: the results file lists all models, to be typed into.
    """

    suffix: str
    dtype: str
    copies: int
    templates: Mapping[str, str]
    conditions: Mapping[str, str]
    by_hand: bool

    def save(self, module: nn.Module, example: Tensor, path: Path) -> None:
        """Write a module in eval mode, for inputs like ``example``; ``path`` does not exist.

        Raises:
            CannotConvert: it holds an operator that the converter does not know.
        """
        ...


def load_exporter(name: str) -> Exporter:
    """The exporter of a runtime.

    Raises:
        UnknownName: there is none of that name.
        MissingExtra: its package is not installed; names the extra.
    """
    if name not in EXPORTERS:
        raise unknown("runtime of a kit", name, EXPORTERS)
    module, _, found = EXPORTERS[name].rpartition(".")
    exporter: Exporter = getattr(importlib.import_module(module), found)()
    return exporter
