"""Plain vision transformers as files of other programs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture
from vitnas.export.onnx import export_onnx
from vitnas.export.timm import export_timm
from vitnas.export.torch_program import export_torch
from vitnas.export.weights import load_timm_weights
from vitnas.space.files import load_architecture

timm = pytest.importorskip("timm")

BLOCK = {"op": "transformer_block", "repeat": 2, "expansion": 2.5, "heads": 3, "head_dim": 8}
SMALL: dict[str, Any] = {
    "name": "small_vit",
    "input": {"channels": 2, "resolution_px": 48},
    "classes": 7,
    "stem": {"op": "patch_embed", "patch_px": 12},
    "stages": [{"width": 24, "blocks": [BLOCK]}],
    "head": {"op": "token_classifier"},
}


def small(**changes: Any) -> Architecture:
    return Architecture.from_dict({**SMALL, **changes})


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_published_networks_get_their_names(size: str) -> None:
    architecture = load_architecture(f"vit:deit_{size}")
    spec = export_timm(architecture)
    assert spec.name == f"deit_{size}_patch16_224"
    assert spec.params == architecture.metadata["metrics"]["params"]


def test_another_resolution_keeps_the_name() -> None:
    smaller = dataclasses.replace(load_architecture("vit:deit_small"), resolution_px=96)
    spec = export_timm(smaller)
    assert (spec.name, spec.kwargs["img_size"]) == ("deit_small_patch16_224", 96)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"head": {"op": "token_classifier", "pool": "mean"}},
        {"stem": {"op": "patch_embed", "patch_px": 16, "class_token": False}},
    ],
)
def test_the_network_that_timm_builds_computes_the_same(changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    architecture = small(**changes)
    spec = export_timm(architecture)
    theirs = timm.create_model(spec.name, **spec.kwargs).eval()
    with torch.no_grad():
        for value in theirs.parameters():
            value.uniform_(0.4, 1.0) if value.ndim == 1 else value.normal_(0, value[0].numel() ** -0.5)
    ours = build(architecture).eval()
    load_timm_weights(ours, theirs)
    images = torch.randn(2, 2, 48, 48)
    with torch.no_grad():
        mine, reference = ours(images), theirs(images)
    assert isinstance(mine, torch.Tensor)
    assert reference.std() > 0.1
    assert torch.allclose(mine, reference, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": [{"width": 32, "blocks": [BLOCK]}]}, "shares its width among the heads: 32 is not 3 x 8"),
        (
            {"stages": [{"width": 24, "blocks": [{**BLOCK, "expansion": [2, 3]}]}]},
            "one expansion .* not 2 and 3",
        ),
        ({"stages": [{"width": 24, "blocks": [{**BLOCK, "heads": [3, 2]}]}]}, "one heads .* not 2 and 3"),
        ({"stages": [SMALL["stages"][0], SMALL["stages"][0]]}, "has one stage"),
        ({"head": {"op": "pooled_classifier"}}, "head: 'token_classifier' stands there"),
    ],
)
def test_what_timm_cannot_hold_is_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArchitecture, match=rf"timm's classes cannot hold this network: .*{said}"):
        export_timm(small(**changes))


@pytest.mark.parametrize("side_px", [48, 96])
def test_onnx_and_torch_programs_take_any_batch(side_px: int, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    architecture = dataclasses.replace(small(), resolution_px=side_px)
    for written in (
        export_onnx(architecture, tmp_path / "small.onnx"),
        export_torch(architecture, tmp_path / "small.pt2"),
    ):
        assert written.dynamic_batch is True
        assert written.difference is not None
        assert written.difference < 1e-4
