"""``vitnas export``: a network as a file that other programs load."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import Json
from vitnas.errors import InvalidInput, unknown
from vitnas.export import FORMATS, Exported, writer
from vitnas.formats.path_name import as_name

if TYPE_CHECKING:
    from torch import nn

    from vitnas.arch.schema import Architecture


def export(
    file: Annotated[str, typer.Argument(help="An architecture's file, or a published network (SPACE:NAME).")],
    to: Annotated[str, typer.Option(help=f"Format: {', '.join(sorted(FORMATS))}.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; named after the network if left out.")
    ] = None,
    resolution_px: Annotated[
        str | None,
        typer.Option("--resolution-px", help="Side of the input image, or its height and width: 224x320."),
    ] = None,
    num_classes: Annotated[
        int | None, typer.Option(min=0, help="Number of classes; 0 writes the features.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Checkpoint with the weights to write, ours or timm's; fresh ones if left out."),
    ] = None,
    opset: Annotated[int | None, typer.Option(help="ONNX opset, 18 or later.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Write a network as a file that other programs load.

    torch: a torch.export program that runs without vitnas. onnx: an ONNX file, compared with ONNX Runtime.
    timm: the timm.create_model call that builds the network, proven by building it.
    """
    from vitnas.space.files import load_architecture

    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    if weights is not None and not FORMATS[to].takes_weights:
        raise InvalidInput(f"a {to} file holds no weights: leave out --weights, or export to torch or onnx")
    if opset is not None and to != "onnx":
        raise InvalidInput(f"`opset` is for onnx files, not for {to}")
    published = load_architecture(file)
    if resolution_px is not None:
        published = published.at_resolution(resolution_px)
    classes = published.classes if num_classes is None else num_classes
    architecture = dataclasses.replace(published, classes=classes)
    path = out or Path(as_name(architecture.name) + FORMATS[to].suffix)
    if not path.parent.is_dir():
        raise InvalidInput(f"no such folder: '{path.parent}'")
    model, notes = _trained(architecture, weights)
    options = {} if opset is None else {"opset": opset}
    written = writer(to)(architecture, path, model, **options)
    _print(written, architecture, to, weights, notes, as_json)


def _trained(architecture: Architecture, weights: Path | None) -> tuple[nn.Module | None, tuple[str, ...]]:
    """The network with its weights, and what of them was not used exactly as given."""
    from vitnas.arch.build import build
    from vitnas.export.weights import load_weights

    if weights is None:
        return None, ()
    network = build(architecture)
    return network, load_weights(network, weights, keep_classifiers=False)


def _print(
    written: Exported,
    architecture: Architecture,
    to: str,
    weights: Path | None,
    notes: tuple[str, ...],
    as_json: bool,
) -> None:
    if as_json:
        facts = {
            "name": architecture.name,
            "id": architecture.id,
            "format": to,
            "weights": weights,
            "notes": notes,
        }
        _common.print_json({**facts, **dataclasses.asdict(written)})
        return
    kind = {None: "", True: ", any batch", False: ", batch 2 only"}[written.dynamic_batch]
    say(f"wrote {written.path} ({FORMATS[to].description}{kind})")
    say(written.proof)
    for note in notes:
        say(note)
    if FORMATS[to].takes_weights and weights is None:
        say("weights are fresh, not trained: --weights FILE writes trained ones")
    say(f"use: {written.call}")
