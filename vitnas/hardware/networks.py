"""timm's networks in the form that is deployed, as traces."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from vitnas.cost.trace import Trace, trace
from vitnas.errors import InvalidArchitecture, missing_extra, unknown


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
    try:
        import timm
    except ImportError:
        raise missing_extra("timm", "timm") from None
    if not timm.is_model(name):
        raise unknown("timm model", name, _similar(name, timm.list_models()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _trace(name, resolution_px)
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as problem:
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        at = f" at {resolution_px} px" if resolution_px else ""
        raise InvalidArchitecture(f"timm's '{name}' cannot be traced{at}: {reason}") from None


def _trace(name: str, resolution_px: int | None) -> Trace:
    try:
        with torch.device("meta"):
            network = _deployed(name, resolution_px)
    except (RuntimeError, NotImplementedError):  # code that looks at values while it builds
        network = _deployed(name, resolution_px)
    side = resolution_px or int(_default_config(network)["input_size"][-1])
    return trace(network, (1, 3, side, side))


def _deployed(name: str, resolution_px: int | None) -> nn.Module:
    import timm
    from timm.utils.model import reparameterize_model

    try:  # networks with position tables are built for a resolution; others don't take the argument
        network = (
            timm.create_model(name, img_size=resolution_px) if resolution_px else timm.create_model(name)
        )
    except TypeError:
        network = timm.create_model(name)
    deployed: nn.Module = reparameterize_model(network.eval(), inplace=True)
    return deployed


def _default_config(network: nn.Module) -> dict[str, Any]:
    config: Any = getattr(network, "pretrained_cfg", None) or getattr(network, "default_cfg", {})
    return dict(config)


def _similar(name: str, options: list[str]) -> list[str]:
    """The close matches, not all thousand names."""
    import difflib

    return difflib.get_close_matches(name, options, n=3, cutoff=0.4)
