"""From a file to a network that a training loop takes."""

from __future__ import annotations

import dataclasses
from typing import Any

from vitnas.arch.build import Network, build
from vitnas.space.files import ArchitectureSource, load_architecture


def create_model(
    source: ArchitectureSource,
    *,
    num_classes: int | None = None,
    resolution_px: int | None = None,
    in_channels: int | None = None,
    drop_path_rate: float = 0.0,
) -> Network:
    """A plain ``nn.Module`` with fresh weights.

    Args:
        source: an architecture, its file, a published network such as ``efficientformer:s0``, or a member
            of a front.
        num_classes: classes, where they differ from the file's.
        resolution_px: side of the square input image, where it differs from the file's.
        in_channels: input channels, where they differ from the file's.
        drop_path_rate: stochastic depth of the last block.

    Raises:
        UnknownName: no such file or published network.
        InvalidArchitecture: the file is wrong, or an operator cannot work at this resolution.
    """
    architecture = load_architecture(source)
    changes = {"classes": num_classes, "resolution_px": resolution_px, "in_channels": in_channels}
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    return build(dataclasses.replace(architecture, **given), drop_path_rate=drop_path_rate)
