"""A ``torch.export`` program: one file that PyTorch runs without our code."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import nn

from vitnas.arch.yaml_io import dump_yaml
from vitnas.export import Exported
from vitnas.export._proof import SHOWN_TOLERANCE, exported_program, prepared, proven, shown
from vitnas.space.files import ArchitectureSource, load_architecture
from vitnas.store.disk import atomic_write_parts

ARCHITECTURE_FILE = "architecture.yaml"  # the architecture travels inside the program's file
TOLERANCE = 1e-4


def export_torch(
    source: ArchitectureSource, path: str | Path, model: nn.Module | None = None, *, trust: bool = False
) -> Exported:
    """Write a program that takes images (B, C, H, W) and gives logits (B, classes), as in evaluation mode.

    ``torch.export.load(path).module()`` runs it; vitnas need not be installed. The architecture's YAML is in
    it as the extra file ``architecture.yaml``.

    Args:
        source: the network, as in :func:`vitnas.load_architecture`.
        path: file to write, ``.pt2`` by custom.
        model: a network of this architecture with the weights to write; fresh ones if left out.
        trust: whether code that the network's file names by its path may be imported.

    Raises:
        VitnasError: the program, loaded again, does not give the network's outputs.
        RunError: the file cannot be written.
    """
    path = Path(path)
    architecture = load_architecture(source, trust=trust)
    network = prepared(architecture, model)
    program, dynamic = exported_program(network, architecture)
    buffer = io.BytesIO()  # torch's own writer reports a folder that it cannot write to as a RuntimeError
    torch.export.save(program, buffer, extra_files={ARCHITECTURE_FILE: dump_yaml(architecture.to_dict())})
    loaded = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    with shown(network):
        loaded.load_state_dict(network.state_dict(), strict=False)  # indices are constants there
        proven(path, network, loaded, architecture, dynamic=dynamic, tolerance=SHOWN_TOLERANCE)
    loaded.load_state_dict(network.state_dict(), strict=False)
    difference = proven(path, network, loaded, architecture, dynamic=dynamic, tolerance=TOLERANCE)
    atomic_write_parts(path, [buffer.getbuffer()])
    proof = f"loaded again: outputs differ from the network's by {difference:.1g} at most"
    return Exported(path, proof, difference, dynamic, f"torch.export.load({str(path)!r}).module()")
