from __future__ import annotations

import copy
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, MissingExtra, VitnasError
from vitnas.export.timm import export_timm, write_timm
from vitnas.export.weights import load_timm_weights
from vitnas.space.files import load_architecture, load_space

timm = pytest.importorskip("timm")

PUBLISHED = {
    "efficientformer:s0": "efficientformerv2_s0",
    "efficientformer:s1": "efficientformerv2_s1",
    "efficientformer:s2": "efficientformerv2_s2",
    "efficientformer:l": "efficientformerv2_l",
    "efficientformer_v1:l1": "efficientformer_l1",
    "efficientformer_v1:l3": "efficientformer_l3",
    "efficientformer_v1:l7": "efficientformer_l7",
}


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


@pytest.mark.parametrize("network", PUBLISHED)
def test_published_networks_get_their_names_and_arguments_that_say_everything(network: str) -> None:
    architecture = load_architecture(network)
    spec = export_timm(architecture)
    assert spec.name == PUBLISHED[network]
    assert spec.params == architecture.metadata["metrics"]["params"]
    smallest = "efficientformer_l1" if "v1" in network else "efficientformerv2_s0"
    with torch.device("meta"):
        published = timm.create_model(spec.name)
        assert shapes(timm.create_model(smallest, **spec.kwargs)) == shapes(published)


@pytest.mark.parametrize("name", ["efficientformer", "efficientformer_v1"])
def test_timm_holds_every_architecture_of_the_space(name: str) -> None:
    space = load_space(name)
    for genome in space.sample(8, np.random.default_rng(0)):
        architecture = space.decode(genome)
        with torch.device("meta"):
            params = sum(p.numel() for p in build(architecture).parameters())
        assert export_timm(architecture).params == params


def check_outputs(architecture: Architecture) -> None:
    """timm's network of the spec and ours, with the same weights, give the same logits."""
    torch.manual_seed(0)
    spec = export_timm(architecture)
    theirs = timm.create_model(spec.name, **spec.kwargs)
    with torch.no_grad():
        for value in theirs.parameters():
            value.uniform_(0.4, 1.0) if value.ndim == 1 else value.normal_(0, value[0].numel() ** -0.5)
    ours = build(architecture)
    load_timm_weights(ours, theirs)
    side = architecture.resolution_px
    images = torch.randn(2, architecture.in_channels, side, side)
    with torch.no_grad():
        mine, reference = ours.eval()(images), theirs.eval()(images)
    assert isinstance(mine, torch.Tensor)
    assert mine.shape == (2, architecture.classes)
    assert reference.std() > 0.1
    assert torch.allclose(mine / reference.std(), reference / reference.std(), atol=1e-4)


@pytest.mark.parametrize("side_px", [64, 160])
def test_the_v2_network_that_timm_builds_computes_the_same(small_v2: Architecture, side_px: int) -> None:
    check_outputs(dataclasses.replace(small_v2, resolution_px=side_px, in_channels=2))


def test_the_v1_network_that_timm_builds_computes_the_same(small_v1: Architecture) -> None:
    check_outputs(small_v1)


def changed(architecture: Architecture, **changes: Any) -> Architecture:
    """An architecture with key paths of its document replaced; ``__`` is a dot, digits are indices."""
    document = copy.deepcopy(architecture.to_dict())
    for path, value in changes.items():
        *parents, last = path.split("__")
        spot: Any = document
        for key in parents:
            spot = spot[int(key)] if key.isdigit() else spot[key]
        spot[last] = value
    return Architecture.from_dict(document)


ATTENTION, CONV = {"op": "attention_ffn", "expansion": 4}, {"op": "conv_ffn", "expansion": 3}
MIXER, TOKENS = {"op": "pool_mixer", "expansion": 2}, {"op": "attention_mlp", "expansion": 2}


def test_stages_with_attention_only_share_num_vit_with_a_longer_one(small_v2: Architecture) -> None:
    longer = {"op": "attention_ffn", "repeat": 3, "expansion": 4}
    architecture = changed(small_v2, stages__3__blocks=[CONV, longer])
    with pytest.raises(InvalidArchitecture, match="one num_vit holds for all stages, not 1 and 3"):
        export_timm(architecture)
    alone = changed(architecture, stages__2__blocks=[{**ATTENTION, "stride": 2}])
    assert export_timm(alone).kwargs["num_vit"] == 3
    check_outputs(alone)


def test_one_classifier_and_no_attention_at_all(small_v2: Architecture) -> None:
    architecture = changed(
        small_v2, stages__2__blocks=[CONV], stages__3__blocks=[CONV, CONV], head__distilled=False
    )
    spec = export_timm(architecture)
    assert (spec.kwargs["num_vit"], spec.kwargs["distillation"]) == (0, False)
    check_outputs(architecture)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stem__activation": "relu"}, "stem: activation is 'gelu' there, not 'relu'"),
        ({"head__norm": "layer"}, "batch norm before its classifiers, not layer norm"),
        ({"stages__1__blocks": [ATTENTION]}, r"stages\.1\.blocks\[0\]: .* from the third stage on"),
        ({"stages__2__blocks": [CONV, ATTENTION]}, r"stages\.2\.blocks\[1\]: stride is 2 there, not 1"),
        ({"stages__3__blocks": [ATTENTION, CONV]}, "attention must come last"),
        ({"stages__3__blocks": [CONV, {**ATTENTION, "heads": 4}]}, "heads is 8 there, not 4"),
        ({"stages__3__down__key_dim": 32}, r"stages\.3\.down: key_dim is 16 there, not 32"),
        ({"stages__3__down": {"op": "conv_down"}}, "'attention_down' stands there, not 'conv_down'"),
        (
            {"stages__0__down": {"op": "conv_down"}},
            r"stages\.0\.down: 'nothing' stands there, not 'conv_down'",
        ),
        ({"stages__0__blocks": [MIXER]}, "no class has blocks of attention_ffn, conv_ffn, pool_mixer"),
        ({"input__resolution_px": 80}, r"stages\.2: .* cannot halve a map of 5 x 5 px"),
    ],
)
def test_what_timms_v2_cannot_hold_is_said(
    changes: dict[str, Any], said: str, small_v2: Architecture
) -> None:
    with pytest.raises(InvalidArchitecture, match=rf"timm's classes cannot hold this network: .*{said}"):
        export_timm(changed(small_v2, **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stem__activation": "gelu"}, "stem: activation is 'relu' there, not 'gelu'"),
        ({"head__distilled": False}, "head: distilled is True there, not False"),
        ({"stages__3__blocks": [MIXER]}, "needs one attention block at least"),
        ({"stages__3__blocks": [MIXER], "head__norm": "batch"}, "layer norm before its classifiers"),
        ({"stages__3__blocks": [MIXER, {**TOKENS, "key_dim": 16}]}, "key_dim is 32 there, not 16"),
        ({"stages__3__blocks": [MIXER, {**TOKENS, "expansion": 3}]}, "one expansion .* not 2 and 3"),
        ({"stages__0__blocks": [{**MIXER, "pool_px": 5}]}, "one pool_px .* not 3 and 5"),
        ({"input__resolution_px": 256}, "EfficientFormer is fixed to 224 px, not 256"),
    ],
)
def test_what_timms_v1_cannot_hold_is_said(
    changes: dict[str, Any], said: str, small_v1: Architecture
) -> None:
    with pytest.raises(InvalidArchitecture, match=rf"timm's classes cannot hold this network: .*{said}"):
        export_timm(changed(small_v1, **changes))


def test_another_pooling_window_and_only_attention_in_the_last_stage(small_v1: Architecture) -> None:
    wide = {**MIXER, "pool_px": 5}
    architecture = changed(
        small_v1,
        **{f"stages__{i}__blocks": [wide] for i in range(3)},
        stages__3__blocks=[{**TOKENS, "repeat": 2}],
    )
    assert export_timm(architecture).kwargs["pool_size"] == 5
    check_outputs(architecture)


def test_the_written_program_builds_the_network(small_v2: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "small_timm.py"
    written = write_timm(small_v2, path)
    names: dict[str, Any] = {}
    exec(path.read_text(), names)  # the file is ours: written the line above
    params = sum(p.numel() for p in build(small_v2).parameters())
    assert sum(p.numel() for p in names["model"].parameters()) == params
    assert f"{params:,} parameters" in written.proof
    assert eval(written.call, {"timm": timm}).num_classes == 7


def test_a_timm_file_takes_no_weights(small_v2: Architecture, tmp_path: Path) -> None:
    with pytest.raises(VitnasError, match="holds a call and no weights"):
        write_timm(small_v2, tmp_path / "x.py", build(small_v2))
    assert list(tmp_path.iterdir()) == []


def test_without_timm_the_extra_is_named(small_v2: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vitnas\[timm\]'"):
        export_timm(small_v2)


def test_a_timm_that_builds_something_else_is_found_out(
    small_v2: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda name, **kwargs: create(name, **{**kwargs, "embed_dims": (8, 12, 16, 32)})
    )
    with pytest.raises(VitnasError, match=r"builds another network .* first difference: head\.head"):
        export_timm(small_v2)
