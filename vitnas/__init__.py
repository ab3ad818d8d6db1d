"""Vision transformers for a device and a budget, as files that your training code loads.

Names are imported when they are first used: ``import vitnas`` needs neither torch nor numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vitnas._version import __version__

if TYPE_CHECKING:
    from vitnas.arch.build import Network, build
    from vitnas.arch.schema import Architecture, save_architecture
    from vitnas.errors import VitnasError
    from vitnas.export.onnx import export_onnx
    from vitnas.export.timm import TimmSpec, export_timm
    from vitnas.export.torch_program import export_torch
    from vitnas.export.weights import load_timm_weights
    from vitnas.hardware.load import load_device
    from vitnas.hardware.measure.run import MeasureSettings, measure_profile
    from vitnas.models import create_model
    from vitnas.run.result import SearchResult
    from vitnas.run.search import resume_search, run_search
    from vitnas.scaling.config import ScaleConfig
    from vitnas.scaling.run_scale import FamilyResult, resume_scale, run_scale
    from vitnas.searching.config import SearchConfig
    from vitnas.space.files import load_architecture, load_space
    from vitnas.space.space import Space
    from vitnas.study.sync import write_study
    from vitnas.training.schedule import TokenSchedule
    from vitnas.training.tokens import ProgressiveTokens
    from vitnas.workers.settings import WorkerSettings


__all__ = [
    "Architecture",
    "FamilyResult",
    "MeasureSettings",
    "Network",
    "ProgressiveTokens",
    "ScaleConfig",
    "SearchConfig",
    "SearchResult",
    "Space",
    "TimmSpec",
    "TokenSchedule",
    "VitnasError",
    "WorkerSettings",
    "__version__",
    "build",
    "create_model",
    "export_onnx",
    "export_timm",
    "export_torch",
    "load_architecture",
    "load_device",
    "load_space",
    "load_timm_weights",
    "measure_profile",
    "resume_scale",
    "resume_search",
    "run_scale",
    "run_search",
    "save_architecture",
    "write_study",
]

_MODULES = {
    "Architecture": "vitnas.arch.schema",
    "FamilyResult": "vitnas.scaling.run_scale",
    "MeasureSettings": "vitnas.hardware.measure.run",
    "Network": "vitnas.arch.build",
    "ProgressiveTokens": "vitnas.training.tokens",
    "ScaleConfig": "vitnas.scaling.config",
    "SearchConfig": "vitnas.searching.config",
    "SearchResult": "vitnas.run.result",
    "Space": "vitnas.space.space",
    "TimmSpec": "vitnas.export.timm",
    "TokenSchedule": "vitnas.training.schedule",
    "VitnasError": "vitnas.errors",
    "WorkerSettings": "vitnas.workers.settings",
    "build": "vitnas.arch.build",
    "create_model": "vitnas.models",
    "export_onnx": "vitnas.export.onnx",
    "export_timm": "vitnas.export.timm",
    "export_torch": "vitnas.export.torch_program",
    "load_architecture": "vitnas.space.files",
    "load_device": "vitnas.hardware.load",
    "load_space": "vitnas.space.files",
    "load_timm_weights": "vitnas.export.weights",
    "measure_profile": "vitnas.hardware.measure.run",
    "resume_scale": "vitnas.scaling.run_scale",
    "resume_search": "vitnas.run.search",
    "run_scale": "vitnas.scaling.run_scale",
    "run_search": "vitnas.run.search",
    "save_architecture": "vitnas.arch.schema",
    "write_study": "vitnas.study.sync",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'vitnas' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
