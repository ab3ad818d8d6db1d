"""timm's and torchvision's networks in the form that is deployed, as traces."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from vitnas.cost.trace import Trace, trace
from vitnas.errors import InvalidArchitecture, import_extra, unknown
from vitnas.hardware.measure.runtime import first_line

TORCHVISION = "torchvision:"
"""Before the name of a classifier of ``torchvision.models``: ``torchvision:resnet18``."""


def network_trace(name: str, resolution_px: int | None = None) -> Trace:
    """Kernels of a published network at batch 1, as an exporter sees it.

    Args:
        name: of `timm.create_model`, or ``torchvision:`` and a name of `torchvision.models`.
        resolution_px: of the square input; None takes the network's default.

    Raises:
        UnknownName: there is no such network.
        InvalidArchitecture: it cannot be built, or not run at this resolution.
        MissingExtra: timm or torchvision is not installed.
    """
    if name.startswith(TORCHVISION):
        return torchvision_trace(name.removeprefix(TORCHVISION), resolution_px)
    return timm_trace(name, resolution_px)


@lru_cache(maxsize=512)
def timm_trace(name: str, resolution_px: int | None = None) -> Trace:
    """Kernels of a timm network at batch 1, as an exporter sees it.

    Branches that re-parameterise are merged, attention is unfused, nothing is initialised: the network is
    built on ``torch.device("meta")``, unless its own code cannot be.

    Args:
        name: of `timm.create_model`.
        resolution_px: of the square input; None takes the network's default.

    Raises:
        UnknownName: timm has no such network.
        InvalidArchitecture: it cannot be built, or not run at this resolution.
        MissingExtra: timm is not installed.
    """
    timm = import_extra("timm", "timm")
    if not timm.is_model(name):
        raise unknown("timm model", name, _similar(name, timm.list_models()))
    return _trace(f"timm's '{name}'", lambda: _timm_network(name, resolution_px), resolution_px)


@lru_cache(maxsize=128)
def torchvision_trace(name: str, resolution_px: int | None = None) -> Trace:
    """Kernels of a classifier of torchvision at batch 1; see `timm_trace`.

    Args:
        name: of `torchvision.models`, without a prefix; networks for detection or video are none of these.
        resolution_px: of the square input; None takes the size that its published weights were tested at.

    Raises:
        UnknownName: torchvision has no such classifier.
        InvalidArchitecture: it cannot be built, or not run at this resolution.
        MissingExtra: torchvision is not installed.
    """
    models = import_extra("torchvision", "timm").models
    known = models.list_models(module=models)
    if name not in known:
        raise unknown("torchvision model", name, _similar(name, known))
    return _trace(f"torchvision's '{name}'", lambda: _torchvision_network(name, resolution_px), resolution_px)


def _trace(label: str, build: Callable[[], tuple[nn.Module, int]], resolution_px: int | None) -> Trace:
    """Build on meta, or if the network's own code looks at values, with memory; then run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with torch.device("meta"):
                    network, default_px = build()
            except (RuntimeError, NotImplementedError):
                network, default_px = build()
            side = resolution_px or default_px
            return trace(network, (1, 3, side, side))
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as problem:
        at = f" at {resolution_px} px" if resolution_px else ""
        raise InvalidArchitecture(f"{label} cannot be traced{at}: {first_line(problem)}") from None


def _timm_network(name: str, resolution_px: int | None) -> tuple[nn.Module, int]:
    import timm
    from timm.utils.model import reparameterize_model

    try:  # networks with position tables are built for a resolution; others don't take the argument
        network = (
            timm.create_model(name, img_size=resolution_px) if resolution_px else timm.create_model(name)
        )
    except TypeError:
        network = timm.create_model(name)
    config: Any = getattr(network, "pretrained_cfg", None) or getattr(network, "default_cfg", {})
    deployed: nn.Module = reparameterize_model(network.eval(), inplace=True)
    return deployed, int(config["input_size"][-1])


def _torchvision_network(name: str, resolution_px: int | None) -> tuple[nn.Module, int]:
    from torchvision import models

    default_px = int(models.get_model_weights(name).DEFAULT.transforms().crop_size[0])
    # Heads that only train are left out, values that nobody reads are not drawn, position tables fit.
    wanted = {"aux_logits": False, "init_weights": False, "image_size": resolution_px or default_px}
    accepted = _arguments(models.get_model_builder(name))
    network: nn.Module = models.get_model(name, **{k: v for k, v in wanted.items() if k in accepted})
    return network.eval(), default_px


def _arguments(builder: Callable[..., Any]) -> set[str]:
    """Names that a builder of torchvision passes on: those of the class that it is said to return."""
    returned = inspect.get_annotations(inspect.unwrap(builder), eval_str=True).get("return")
    return set(inspect.signature(returned).parameters) if returned else set()


def _similar(name: str, options: list[str]) -> list[str]:
    """The close matches, not all thousand names."""
    return difflib.get_close_matches(name, options, n=3, cutoff=0.4)
