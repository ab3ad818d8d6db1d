"""Images of 224 x 320 px: parameters and outputs are timm's, spaces and devices take them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import vitnas
from vitnas.arch.build import build
from vitnas.cost.pricer import price_architecture, trace_architecture
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidArchitecture, InvalidData, InvalidInput, InvalidSpace
from vitnas.space.chain import chain
from vitnas.space.files import load_space
from vitnas.training.schedule import TokenSchedule
from vitnas.training.tokens import ProgressiveTokens

SIZE = (224, 320)
OPEN = """
name: open
input: {channels: 3, resolution_px: SIZE}
classes: 10
stem: {op: conv_stem}
stages:
  - width: {choice: [8, 16]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 2]}, expansion: {choice: [1, 2]}}
  - down: {op: conv_down}
    width: {choice: [16, 24]}
    blocks:
      - {op: attention_ffn, expansion: 1, heads: 2}
head: {op: pooled_classifier}
"""
PUBLISHED = {
    "efficientformer:s0": ("efficientformerv2_s0", 3_601_600),
    "vit:deit_tiny": ("deit_tiny_patch16_224", 5_733_544),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_outputs_are_timms(name: str) -> None:
    timm = pytest.importorskip("timm")
    model, params = PUBLISHED[name]
    torch.manual_seed(0)
    theirs = timm.create_model(model, img_size=SIZE).eval()
    for key, value in theirs.named_parameters():
        if value.ndim == 1:
            torch.nn.init.uniform_(value, 0.5, 1)
        elif key.endswith(("attention_biases", "pos_embed")):
            torch.nn.init.normal_(value)
    ours = vitnas.create_model(name, resolution_px=SIZE).eval()
    vitnas.load_timm_weights(ours, theirs)
    images = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        mine, reference = ours(images), theirs(images)
    assert torch.allclose(mine, reference, rtol=1e-4, atol=1e-4 * float(reference.abs().max()))
    plan = vitnas.load_architecture(name).at_resolution(SIZE)
    assert trace_architecture(plan).params == vitnas.export_timm(plan).params == params
    assert vitnas.Architecture.from_dict(plan.to_dict()).id == plan.id != vitnas.load_architecture(name).id
    assert (
        plan.at_resolution(224).id == plan.at_resolution((224, 224)).id == vitnas.load_architecture(name).id
    )


@pytest.mark.parametrize("space", ["efficientformer", "efficientformer_v1", "pit", "vit"])
@pytest.mark.parametrize("size", [(64, 96), (96, 32)])
def test_networks_of_other_spaces_run_and_their_blocks_sum_up(space: str, size: tuple[int, int]) -> None:
    found = load_space(space)
    plan = found.decode(found.sample(1, np.random.default_rng(0))[0]).at_resolution(size)
    with torch.device("meta"):
        network = build(plan).eval()
        assert network(torch.empty(2, 3, *size)).shape == (2, plan.classes)
        with pytest.raises(InvalidInput, match=rf"takes images \(B, 3, {size[0]}, {size[1]}\)"):
            network(torch.empty(2, 3, *reversed(size)))
    last = list(chain(plan))[-1].inputs
    assert not last.is_square
    assert found.decode(found.sample(1, np.random.default_rng(0))[0]).image.is_square


@pytest.mark.parametrize("space", ["autoformer_tiny", "asvit"])
def test_blocks_of_square_maps_say_so(space: str) -> None:
    found = load_space(space)
    plan = found.decode(found.sample(1, np.random.default_rng(0))[0]).at_resolution((64, 96))
    with torch.device("meta"), pytest.raises(InvalidArchitecture, match="takes square maps, not"):
        build(plan)


def test_files_and_devices_take_them(tmp_path: Path) -> None:
    plan = vitnas.load_architecture("efficientformer:s0").at_resolution(SIZE)
    plan = dataclasses.replace(plan, metadata={})
    vitnas.save_architecture(plan, tmp_path / "wide.yaml")
    assert "resolution_px: [224, 320]" in (tmp_path / "wide.yaml").read_text()
    assert vitnas.load_architecture(tmp_path / "wide.yaml") == plan
    assert vitnas.price(tmp_path / "wide.yaml").params == 3_601_600
    priced = vitnas.price("efficientformer:s0", "iphone12", resolution_px="224x320")
    assert (
        priced.params == 3_601_600
        and priced.latency_ms > vitnas.price(plan.at_resolution(224), "iphone12").latency_ms
    )
    assert priced.out_of_domain == ("its rows are of squares of 224 to 512 px, not of 224x320 px",)
    with pytest.raises(InvalidArchitecture, match="'224x320' is not 224"):
        load_space("efficientformer").encode(plan)
    text = (tmp_path / "wide.yaml").read_text()
    for wrong in ("[224]", "[224, 320, 3]", "[224, 0]", "[224, x]", "[{choice: [1, 2]}, 3]", "224x", "-1"):
        (tmp_path / "wrong.yaml").write_text(text.replace("[224, 320]", wrong))
        with pytest.raises(InvalidArchitecture, match=r"input\.resolution_px"):
            vitnas.load_architecture(tmp_path / "wrong.yaml")


@pytest.mark.parametrize("written", ["[224, 320]", "224x320", "{choice: [[224, 320]]}", "{var: size}"])
def test_a_space_is_of_any_resolution(written: str, tmp_path: Path) -> None:
    text = OPEN.replace("SIZE", written) + "vars: {size: 224x320}\n" * ("var" in written)
    (tmp_path / "open.yaml").write_text(text)
    space = load_space(tmp_path / "open.yaml")
    assert space.resolutions_px == (SIZE,)
    plan = space.decode(space.sample(1, np.random.default_rng(0))[0])
    assert plan.resolution_px == SIZE and space.decode(space.encode(plan)).id == plan.id
    around = load_space(space.around(plan))
    assert around.resolutions_px == (SIZE,) and around.size > 1
    priced, traced = CostTable.build(space).price(space.encode(plan)[None]), price_architecture(plan)
    assert [priced[name][0] for name in ("params", "macs")] == [traced[name] for name in ("params", "macs")]


def test_a_choice_of_resolutions_is_a_gene(tmp_path: Path) -> None:
    (tmp_path / "open.yaml").write_text(OPEN.replace("SIZE", "{choice: [64, [64, 96], 96x64]}"))
    space = load_space(tmp_path / "open.yaml")
    assert space.resolutions_px == (64, (64, 96), (96, 64))
    assert space.genes[0].choices == (64, "64x96", "96x64")
    values = {gene.name: gene.choices[0] for gene in space.genes}
    for given in ([64, 96], "64x96", "64 x 96"):
        genome = space.genome_of({**values, "input.resolution_px": given})
        assert space.decode(genome).resolution_px == (64, 96)
    pool = space.sample(20, np.random.default_rng(0))
    priced = CostTable.build(space).price(pool)
    for k, genome in enumerate(pool):
        plan = space.decode(genome)
        assert priced["macs"][k] == price_architecture(plan)["macs"]
        assert (space.encode(plan) == genome).all()


def test_of_variables_only_numbers_are_multiplied(tmp_path: Path) -> None:
    text = OPEN.replace("SIZE", "{var: size, times: 2}") + "vars: {size: {choice: [32, 32x64]}}\n"
    (tmp_path / "open.yaml").write_text(text)
    with pytest.raises(InvalidSpace, match="'times' multiplies numbers; a variable can be '32x64'"):
        load_space(tmp_path / "open.yaml")


def test_tables_are_resized_as_timm_resizes_them() -> None:
    timm = pytest.importorskip("timm")
    square = timm.create_model("deit_tiny_patch16_224")
    torch.nn.init.normal_(square.pos_embed)
    wide = vitnas.create_model("vit:deit_tiny", resolution_px=SIZE)
    with pytest.warns(UserWarning, match="resized for the network's resolution"):
        vitnas.load_timm_weights(wide, square)
    theirs = timm.layers.resample_abs_pos_embed(square.pos_embed, new_size=[14, 20])
    assert torch.allclose(wide.stem.positions, theirs, atol=1e-6)
    back = vitnas.create_model("vit:deit_tiny")
    with pytest.raises(InvalidData, match=r"'stem\.positions' has 281 places, which are no square map's"):
        vitnas.load_timm_weights(back, wide)
    biases = vitnas.create_model("efficientformer:s0")
    torch.nn.init.normal_(biases.stages[3].blocks[-1].attention.bias.table)
    moved = vitnas.create_model("efficientformer:s0", resolution_px=SIZE)
    with pytest.warns(UserWarning, match="resized for the network's resolution"):
        vitnas.load_timm_weights(moved, biases)
    few, many = (net.stages[3].blocks[-1].attention.bias.table for net in (biases, moved))
    assert many.shape == (8, 7 * 10)
    assert torch.allclose(
        many.reshape(8, 7, 10)[:, :, [0, -1]], few.reshape(8, 7, 7)[:, :, [0, -1]], atol=1e-6
    )


def test_tokens_get_coarser_and_finer_while_it_trains() -> None:
    plan = vitnas.load_architecture("vit:deit_tiny").at_resolution((64, 96))
    schedule = TokenSchedule.parse("0.5:2")
    tokens, model = ProgressiveTokens(plan, schedule), vitnas.create_model(plan)
    images = torch.randn(1, 3, 64, 96)
    assert tokens.update(model, 0.1) and model.stem.positions.shape[1] == 2 * 3 + 1
    assert model(images).shape == (1, 1000)
    assert tokens.update(model, 0.9) and model.stem.positions.shape[1] == 4 * 6 + 1
    assert model(images).shape == (1, 1000)


def test_it_is_exported_for_that_size(tmp_path: Path) -> None:
    plan = vitnas.load_architecture("efficientformer:s0").at_resolution((32, 64))
    written = vitnas.export_torch(plan, tmp_path / "wide.pt2")
    assert torch.export.load(written.path).module()(torch.randn(3, 3, 32, 64)).shape == (3, 1000)
