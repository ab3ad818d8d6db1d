"""From a file to a network that a training loop takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.space.files import ArchitectureSource, load_architecture


def create_model(
    source: ArchitectureSource,
    *,
    num_classes: int | None = None,
    resolution_px: int | str | Sequence[int] | None = None,
    in_channels: int | None = None,
    drop_path_rate: float = 0.0,
    distilled: bool = False,
    trust: bool = False,
) -> Network:
    """A plain ``nn.Module`` with fresh weights.

    Args:
        source: an architecture, its file, a published network such as ``efficientformer:s0``, or a member
            of a front.
        num_classes: classes, where they differ from the file's; 0 gives the features that a classifier
            would read, (B, C).
        resolution_px: side of the input image, or (height, width) or "224x320", where it differs from the
            file's.
        in_channels: input channels, where they differ from the file's.
        drop_path_rate: stochastic depth of the last block.
        distilled: both heads' logits in training mode, for a teacher, as after `set_distilled_training`;
            otherwise their mean.
        trust: whether code that the file names by its path may be imported.

    Raises:
        Untrusted: the file names code by its path, and is not trusted.
        UnknownName: no such file or published network.
        InvalidArchitecture: the file is wrong, an operator cannot work at this resolution, or two heads are
            asked for and there is one.
    """
    architecture = load_architecture(source, trust=trust)
    changes = {"classes": num_classes, "in_channels": in_channels}
    if resolution_px is not None:
        architecture = architecture.at_resolution(resolution_px)
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    network = build(dataclasses.replace(architecture, **given), drop_path_rate=drop_path_rate)
    network.set_distilled_training(distilled)
    return network
