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
from vitnas.formats.resolution import Resolution, in_px, sides_px
from vitnas.hardware.measure.runtime import first_line

TORCHVISION = "torchvision:"
"""Before the name of a classifier of ``torchvision.models``: ``torchvision:resnet18``."""


@lru_cache(maxsize=512)
def network_trace(name: str, resolution_px: Resolution | None = None) -> Trace:
    """Kernels of a published network at batch 1, as an exporter sees it.

    Branches that re-parameterise are merged, attention is unfused, nothing is initialised: the network is
    built on ``torch.device("meta")``, unless its own code cannot be.

    Args:
        name: of `timm.create_model`, or ``torchvision:`` and a classifier of `torchvision.models`.
        resolution_px: of the input; None takes the network's default, of torchvision the size that its
            published weights were tested at.

    Raises:
        UnknownName: there is no such network.
        InvalidArchitecture: it cannot be built, or not run at this resolution.
        MissingExtra: timm or torchvision is not installed.
    """
    library = "torchvision" if name.startswith(TORCHVISION) else "timm"
    own, package = name.removeprefix(TORCHVISION), import_extra(library, "timm")
    if library == "timm":
        known, is_known, make = package.list_models(), package.is_model(own), _timm_network
    else:
        known, make = package.models.list_models(module=package.models), _torchvision_network
        is_known = own in known
    if not is_known:  # the close matches, not all thousand names
        raise unknown(f"{library} model", own, difflib.get_close_matches(own, known, n=3, cutoff=0.4))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with torch.device("meta"):
                    network, default_px = make(own, resolution_px)
            except (RuntimeError, NotImplementedError):  # its own code looks at values
                network, default_px = make(own, resolution_px)
            return trace(network, (1, 3, *sides_px(resolution_px or default_px)))
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as problem:
        at = f" at {in_px(resolution_px)}" if resolution_px else ""
        raise InvalidArchitecture(
            f"{library}'s '{own}' cannot be traced{at}: {first_line(problem)}"
        ) from None


def _timm_network(name: str, resolution_px: Resolution | None) -> tuple[nn.Module, int]:
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


def _torchvision_network(name: str, resolution_px: Resolution | None) -> tuple[nn.Module, int]:
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
