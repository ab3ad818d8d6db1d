"""Vision transformers for a device and a budget, as files that your training code loads.

Names are imported when they are first used: ``import vitnas`` needs neither torch nor numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vitnas._version import __version__

if TYPE_CHECKING:
    from vitnas.api.catalogue import (
        list_devices,
        list_operators,
        list_proxies,
        list_qualities,
        list_spaces,
        list_strategies,
    )
    from vitnas.api.family import Family
    from vitnas.api.front import Front
    from vitnas.api.load import load_run
    from vitnas.api.prices import Price, Scores, price, score
    from vitnas.api.run_object import Run
    from vitnas.api.start_scale import scale
    from vitnas.api.start_search import search
    from vitnas.arch.build import build
    from vitnas.arch.network import Network
    from vitnas.arch.schema import Architecture, save_architecture
    from vitnas.errors import VitnasError
    from vitnas.export.onnx import export_onnx
    from vitnas.export.timm import TimmSpec, export_timm
    from vitnas.export.torch_program import export_torch
    from vitnas.export.weights import load_timm_weights
    from vitnas.hardware.load_device import load_device
    from vitnas.hardware.measure.run import MeasureSettings, measure_profile
    from vitnas.models import create_model
    from vitnas.run.result import Member
    from vitnas.space.files import load_architecture, load_space
    from vitnas.space.space import Space
    from vitnas.training.schedule import TokenSchedule
    from vitnas.training.tokens import ProgressiveTokens
    from vitnas.workers.settings import WorkerSettings


__all__ = [
    "Architecture",
    "Family",
    "Front",
    "MeasureSettings",
    "Member",
    "Network",
    "Price",
    "ProgressiveTokens",
    "Run",
    "Scores",
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
    "list_devices",
    "list_operators",
    "list_proxies",
    "list_qualities",
    "list_spaces",
    "list_strategies",
    "load_architecture",
    "load_device",
    "load_run",
    "load_space",
    "load_timm_weights",
    "measure_profile",
    "price",
    "save_architecture",
    "scale",
    "score",
    "search",
]

_MODULES = {
    "Architecture": "vitnas.arch.schema",
    "Family": "vitnas.api.family",
    "Front": "vitnas.api.front",
    "MeasureSettings": "vitnas.hardware.measure.run",
    "Member": "vitnas.run.result",
    "Network": "vitnas.arch.network",
    "Price": "vitnas.api.prices",
    "ProgressiveTokens": "vitnas.training.tokens",
    "Run": "vitnas.api.run_object",
    "Scores": "vitnas.api.prices",
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
    "list_devices": "vitnas.api.catalogue",
    "list_operators": "vitnas.api.catalogue",
    "list_proxies": "vitnas.api.catalogue",
    "list_qualities": "vitnas.api.catalogue",
    "list_spaces": "vitnas.api.catalogue",
    "list_strategies": "vitnas.api.catalogue",
    "load_architecture": "vitnas.space.files",
    "load_device": "vitnas.hardware.load_device",
    "load_run": "vitnas.api.load",
    "load_space": "vitnas.space.files",
    "load_timm_weights": "vitnas.export.weights",
    "measure_profile": "vitnas.hardware.measure.run",
    "price": "vitnas.api.prices",
    "save_architecture": "vitnas.arch.schema",
    "scale": "vitnas.api.start_scale",
    "score": "vitnas.api.prices",
    "search": "vitnas.api.start_search",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'vitnas' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
