"""Core ML packages of every operator, converted here and read back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from vitnas.arch.features import Features
from vitnas.hardware.kit import write
from vitnas.hardware.kit.coreml_exporter import CoremlExporter
from vitnas.hardware.measure.probe import block_probe
from vitnas.hardware.measure.runtime import CannotConvert
from vitnas.hardware.profile.block_table import block_fields, block_id
from vitnas.space.slots import Context

BLOCKS = {
    "conv_stem": (Context("conv_stem", Features(3, 32), 16, (("activation", "gelu"),)), {"conv", "gelu"}),
    "conv_ffn": (Context("conv_ffn", Features(16, 8), 16, (("expansion", 4),)), {"conv", "gelu", "add"}),
    "conv_down": (Context("conv_down", Features(16, 8), 24, ()), {"conv"}),
    "attention_ffn": (
        Context("attention_ffn", Features(16, 7), 16, (("heads", 2), ("key_dim", 8), ("stride", 2))),
        {"conv", "softmax", "matmul", "upsample_bilinear"},
    ),
    "attention_down": (
        Context("attention_down", Features(16, 7), 24, (("heads", 2), ("key_dim", 8))),
        {"conv", "softmax", "matmul", "avg_pool"},
    ),
    "attention_mlp": (
        Context("attention_mlp", Features(16, 7), 16, (("heads", 2), ("key_dim", 8))),
        {"linear", "softmax", "matmul", "layer_norm"},
    ),
    "pool_mixer": (Context("pool_mixer", Features(16, 8), 16, ()), {"avg_pool", "conv", "gelu"}),
    "pooled_classifier": (
        Context("pooled_classifier", Features(16, 7, tokens=True), 10, (("norm", "layer"),)),
        {"linear", "layer_norm", "reduce_mean"},
    ),
    "patch_embed": (Context("patch_embed", Features(3, 32), 16, (("patch_px", 8),)), {"conv"}),
    "transformer_block": (
        Context("transformer_block", Features(16, 4, True, 1), 16, (("head_dim", 8), ("heads", 2))),
        {"linear", "softmax", "layer_norm"},
    ),
    "split_head_block": (
        Context("split_head_block", Features(16, 4, True, 1), 16, (("heads", 2),)),
        {"linear", "softmax", "layer_norm"},
    ),
    "pit_embed": (Context("pit_embed", Features(3, 36), 16, ()), {"conv"}),
    "pit_down": (Context("pit_down", Features(16, 4, True, 1), 32, ()), {"conv", "linear"}),
    "overlap_patch_embed": (
        Context("overlap_patch_embed", Features(3, 32), 16, (("kernel_px", 7),)),
        {"conv", "layer_norm"},
    ),
    "patch_merging": (
        Context("patch_merging", Features(16, 4, True), 24, (("kernel_px", 3),)),
        {"linear", "layer_norm"},
    ),
    "window_block": (
        Context("window_block", Features(16, 4, True), 16, (("heads", 2), ("splits", 2))),
        {"linear", "softmax", "layer_norm"},
    ),
    "mlp_classifier": (Context("mlp_classifier", Features(16, 4, True), 10, ()), {"linear", "tanh"}),
    "token_classifier": (Context("token_classifier", Features(16, 4, True, 1), 10, ()), {"linear"}),
}


# tensors of six dimensions, of which Core ML has none
NOT_CONVERTED = {
    "autoformer_block": Context(
        "autoformer_block", Features(16, 4, True, 1), 16, (("head_dim", 8), ("heads", 2))
    )
}


def operators() -> list[str]:
    folder = Path(write.__file__).parents[2] / "ops"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def test_every_operator_is_converted_below():
    assert operators() == sorted([*BLOCKS, *NOT_CONVERTED])


@pytest.mark.parametrize("op", BLOCKS)
def test_every_operator_becomes_a_core_ml_package(op, tmp_path):
    tools = pytest.importorskip("coremltools")
    block, expected = BLOCKS[op]
    probe = block_probe(block, copies=2)
    path = tmp_path / f"{probe.id}.mlpackage"
    CoremlExporter().save(probe.module(), probe.example(), path)
    spec = tools.models.MLModel(str(path), skip_model_load=True).get_spec()
    (given,) = spec.description.input
    assert given.name == "x" and tuple(given.type.multiArrayType.shape) == block.inputs.shape()
    assert given.type.multiArrayType.dataType == 65552  # FLOAT16
    (body,) = spec.mlProgram.functions["main"].block_specializations.values()
    found = Counter(operation.type for operation in body.operations)
    assert expected <= set(found)
    single = CoremlExporter()
    single.save(block_probe(block).module(), probe.example(), tmp_path / "one.mlpackage")
    (one,) = (
        tools.models.MLModel(str(tmp_path / "one.mlpackage"), skip_model_load=True)
        .get_spec()
        .mlProgram.functions["main"]
        .block_specializations.values()
    )
    once = Counter(operation.type for operation in one.operations)
    assert found["conv"] + found["linear"] == probe.copies * (once["conv"] + once["linear"])
    assert block_id(block) == probe.id and block_fields(block)["op"] == op


@pytest.mark.parametrize("op", NOT_CONVERTED)
def test_what_core_ml_lacks_is_said(op, tmp_path):
    pytest.importorskip("coremltools")
    probe = block_probe(NOT_CONVERTED[op])
    with pytest.raises(CannotConvert, match="rank <= 5"):
        CoremlExporter().save(probe.module(), probe.example(), tmp_path / "one.mlpackage")


def test_core_ml_names_what_it_cannot_convert(tmp_path):
    pytest.importorskip("coremltools")

    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(x)

    with pytest.raises(CannotConvert, match=r"cannot be converted to Core ML: .*bessel"):
        CoremlExporter().save(Odd(), torch.randn(1, 8), tmp_path / "odd.mlpackage")
    assert not list(tmp_path.iterdir())
