"""The ``timm.create_model`` call that builds an architecture, where one of timm's classes can hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import VitnasError, import_extra
from vitnas.export import Exported, _timm_efficientformer, _timm_vit
from vitnas.export._timm_parts import Words, cannot
from vitnas.export.weights import convert_timm_state
from vitnas.space.files import ArchitectureSource, load_architecture
from vitnas.store.disk import atomic_write_text

# operators of the blocks -> who says such a network in timm's words
_CLASSES: tuple[tuple[set[str], Callable[[Architecture], Words]], ...] = (
    (_timm_efficientformer.V2_BLOCKS, _timm_efficientformer.v2),
    (_timm_efficientformer.V1_BLOCKS, _timm_efficientformer.v1),
    (_timm_vit.BLOCKS, _timm_vit.vit),
)


@dataclass(frozen=True)
class TimmSpec:
    """A network in timm's words.

    Attributes:
        name: what ``timm.create_model`` is given first.
        kwargs: the rest, complete: nothing is left to timm's defaults for that name.
        params: parameters of the network built so, equal to ours.
    """

    name: str
    kwargs: Mapping[str, Any]
    params: int

    @property
    def call(self) -> str:
        """The call, on one line."""
        return f"timm.create_model({', '.join(self._arguments())})"

    def program(self, title: str) -> str:
        """Python text that builds the network as ``model``."""
        lines = "".join(f"    {argument},\n" for argument in self._arguments())
        note = f"{title}: {self.params:,} parameters."
        return f"{note!r}\n\nimport timm\n\nmodel = timm.create_model(\n{lines})\n"

    def _arguments(self) -> list[str]:
        return [f'"{self.name}"', *(f"{key}={value!r}" for key, value in self.kwargs.items())]


def export_timm(source: ArchitectureSource, *, trust: bool = False) -> TimmSpec:
    """The call that builds a network in timm, proven by building it there and comparing parameters.

    Args:
        source: the network, as in :func:`vitnas.load_architecture`.
        trust: whether code that the network's file names by its path may be imported.

    Raises:
        InvalidArchitecture: none of timm's classes can hold it; says why.
        MissingExtra: timm is not installed.
        VitnasError: the installed timm builds other parameters from this call.
    """
    architecture = load_architecture(source, trust=trust)
    name, kwargs = _words(architecture)
    timm = import_extra("timm", "timm")
    with torch.device("meta"):
        ours, theirs = build(architecture), timm.create_model(name, pretrained=False, **kwargs)
    wanted = {key: tuple(value.shape) for key, value in ours.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in convert_timm_state(theirs.state_dict()).items()}
    params = _params(ours)
    if wanted != found or params != _params(theirs):
        different = sorted(key for key in wanted | found if wanted.get(key) != found.get(key))
        raise VitnasError(
            f"timm {timm.__version__} builds another network from {name} ({_params(theirs):,} parameters, "
            f"not {params:,}; first difference: {different[0] if different else 'shared parameters'}); "
            f"try another version of timm"
        )
    return TimmSpec(name, kwargs, params)


def write_timm(architecture: Architecture, path: str | Path, model: nn.Module | None = None) -> Exported:
    """Write a Python file that builds the network in timm; see :func:`export_timm`.

    Raises:
        VitnasError: ``model`` is given: the file holds no weights.
    """
    if model is not None:
        raise VitnasError(
            "a timm file holds a call and no weights: leave them out, or export to torch or onnx"
        )
    spec = export_timm(architecture)
    atomic_write_text(path, spec.program(architecture.name))
    proof = f"built in timm: {spec.params:,} parameters, names and shapes equal ours"
    return Exported(Path(path), proof, call=spec.call)


def _params(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _words(a: Architecture) -> Words:
    """Name and arguments for timm; the operators tell the class."""
    ops = {block.op for stage in a.stages for block in stage.blocks()}
    for blocks, words in _CLASSES:
        if ops <= blocks:
            name, kwargs = words(a)
            return name, {**kwargs, "num_classes": a.classes, "in_chans": a.in_channels}
    raise cannot("stages", f"no class has blocks of {', '.join(sorted(ops))} together")
