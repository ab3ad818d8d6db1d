"""Images of 224 x 320 px: parameters and outputs are timm's; what takes squares only says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import vitnas
from vitnas.arch.build import build
from vitnas.cost.pricer import trace_architecture
from vitnas.errors import InvalidArchitecture, InvalidInput, InvalidSpace
from vitnas.space.chain import chain
from vitnas.space.files import load_space

SIZE = (224, 320)
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


def test_what_takes_squares_only_says_so(tmp_path: Path) -> None:
    plan = vitnas.load_architecture("efficientformer:s0").at_resolution(SIZE)
    plan = dataclasses.replace(plan, metadata={})
    vitnas.save_architecture(plan, tmp_path / "wide.yaml")
    assert "resolution_px: [224, 320]" in (tmp_path / "wide.yaml").read_text()
    assert vitnas.load_architecture(tmp_path / "wide.yaml") == plan
    assert vitnas.price(tmp_path / "wide.yaml").params == 3_601_600
    with pytest.raises(InvalidInput, match="images of 224 x 320 px, and devices answer for square ones"):
        vitnas.price(tmp_path / "wide.yaml", device="iphone12")
    with pytest.raises(InvalidArchitecture, match="no square"):
        load_space("efficientformer").encode(plan)
    text = (tmp_path / "wide.yaml").read_text()
    (tmp_path / "space.yaml").write_text(text)
    with pytest.raises(InvalidSpace, match="a space takes square images"):
        load_space(tmp_path / "space.yaml")
    for wrong in ("[224]", "[224, 320, 3]", "[224, 0]", "[224, x]", "[{choice: [1, 2]}, 3]"):
        (tmp_path / "wrong.yaml").write_text(text.replace("[224, 320]", wrong))
        with pytest.raises(InvalidArchitecture, match=r"input\.resolution_px"):
            vitnas.load_architecture(tmp_path / "wrong.yaml")


def test_it_is_exported_for_that_size(tmp_path: Path) -> None:
    plan = vitnas.load_architecture("efficientformer:s0").at_resolution((32, 64))
    written = vitnas.export_torch(plan, tmp_path / "wide.pt2")
    assert torch.export.load(written.path).module()(torch.randn(3, 3, 32, 64)).shape == (3, 1000)
