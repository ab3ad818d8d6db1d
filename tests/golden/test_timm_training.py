"""What timm's training code asks of a model, asked of ours and of timm's own, on ten published networks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import vitnas
from vitnas.space.files import load_space

timm = pytest.importorskip("timm")
optim = pytest.importorskip("timm.optim")

PUBLISHED = {
    "efficientformer:s0": "efficientformerv2_s0",
    "efficientformer:s1": "efficientformerv2_s1",
    "efficientformer:s2": "efficientformerv2_s2",
    "efficientformer:l": "efficientformerv2_l",
    "efficientformer_v1:l1": "efficientformer_l1",
    "efficientformer_v1:l3": "efficientformer_l3",
    "efficientformer_v1:l7": "efficientformer_l7",
    "vit:deit_tiny": "deit_tiny_patch16_224",
    "vit:deit_small": "deit_small_patch16_224",
    "pit": "pit_ti_224",
}
FREE = {"efficientformer:s0": 81_072, "vit:deit_tiny": 69_544}  # parameters that do not decay
PIT_TINY = {"base_dim": 32, "expansion": 4, "heads_0": 2, "heads_1": 4, "heads_2": 8}
DEPTHS = {"stages.0.blocks.0.repeat": 2, "stages.1.blocks.0.repeat": 6, "stages.2.blocks.0.repeat": 4}


def pair(name: str) -> tuple[vitnas.Network, Any]:
    """Ours and timm's, without weights."""
    source: Any = name
    if name == "pit":
        space = load_space("pit")
        source = space.decode(space.genome_of({**{f"vars.{k}": v for k, v in PIT_TINY.items()}, **DEPTHS}))
    with torch.device("meta"):
        return vitnas.create_model(source, num_classes=1000), timm.create_model(PUBLISHED[name])


@pytest.fixture(scope="module", params=PUBLISHED)
def models(request: pytest.FixtureRequest) -> tuple[str, vitnas.Network, Any]:
    return request.param, *pair(request.param)


def sizes(groups: list[dict[str, Any]], *keys: str) -> dict[tuple[Any, ...], int]:
    """Parameters by what a group is told."""
    found: dict[tuple[Any, ...], int] = {}
    for group in groups:
        key = tuple(group.get(name) for name in keys)
        found[key] = found.get(key, 0) + sum(p.numel() for p in group["params"])
    return found


def test_weight_decay_groups_are_timms(models: tuple[str, vitnas.Network, Any]) -> None:
    name, ours, theirs = models
    groups = [
        optim.param_groups_weight_decay(m, 0.05, no_weight_decay_list=m.no_weight_decay())
        for m in (ours, theirs)
    ]
    mine, reference = (sizes(group, "weight_decay") for group in groups)
    assert mine == reference
    assert mine == sizes(ours.parameter_groups(0.05), "weight_decay")
    assert mine[(0.0,)] == FREE.get(name, mine[(0.0,)])
    built = optim.create_optimizer_v2(ours, "adamw", lr=1e-3, weight_decay=0.05)
    assert sizes(built.param_groups, "weight_decay") == mine


def test_layer_decay_is_timms(models: tuple[str, vitnas.Network, Any]) -> None:
    name, ours, theirs = models
    if name == "pit":
        assert not hasattr(theirs, "group_matcher")  # it counts off parameters, whatever their layer
        theirs.group_matcher = lambda coarse: {
            "stem": r"^cls_token|pos_embed|patch_embed",
            "blocks": [(r"^transformers\.(\d+)", None), (r"^norm", (99999,))],
        }
    scaled = [
        optim.param_groups_layer_decay(m, 0.05, m.no_weight_decay(), layer_decay=0.5) for m in (ours, theirs)
    ]
    mine, reference = (sizes(groups, "lr_scale", "weight_decay") for groups in scaled)
    assert mine == reference
    assert len(mine) > 5


def test_a_model_says_of_itself_what_timms_does(models: tuple[str, vitnas.Network, Any]) -> None:
    _, ours, theirs = models
    for attribute in ("num_classes", "num_features", "head_hidden_size"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    assert ours.default_cfg["input_size"] == theirs.default_cfg["input_size"] == (3, 224, 224)
    assert timm.data.resolve_data_config(model=ours)["crop_pct"] == 0.95
    ours.get_submodule(ours.pretrained_cfg["first_conv"])
    classifiers = ours.get_classifier()
    assert isinstance(classifiers, tuple) == isinstance(theirs.get_classifier(), tuple)


def test_no_classes_give_timms_features() -> None:
    with torch.device("meta"):
        ours = vitnas.create_model("efficientformer:s0", num_classes=0)
        theirs = timm.create_model("efficientformerv2_s0", num_classes=0)
        reset = vitnas.create_model("efficientformer:s0")
        reset.reset_classifier(0)
        images = torch.empty(1, 3, 224, 224)
    for model in (ours, reset):
        assert sum(p.numel() for p in model.parameters()) == 3_246_256
        assert model.eval()(images).shape == theirs.eval()(images).shape == (1, 176)
        assert model.num_classes == 0
