"""Shapes, slices, sizes and errors of every operator, mostly on the meta device."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitnas.arch.build import build_op
from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._bias import OffsetBias
from vitnas.ops._layers import DropPath, LayerScale

Args = dict[str, Any]

IMAGE, MAP, TOKENS = Features(3, 64), Features(48, 14), Features(48, 7, tokens=True)
# operator, what comes in, width, arguments, what goes out
CASES: list[tuple[str, Features, int, Args, Features]] = [
    ("conv_stem", IMAGE, 24, {}, Features(24, 16)),
    ("conv_stem", Features(1, 32), 24, {"activation": "relu"}, Features(24, 8)),
    ("conv_down", MAP, 64, {}, Features(64, 7)),
    ("conv_down", Features(48, 7), 64, {}, Features(64, 4)),
    ("attention_down", MAP, 64, {}, Features(64, 7)),
    ("attention_down", Features(48, 7), 64, {"heads": 4, "key_dim": 8}, Features(64, 4)),
    ("pool_mixer", MAP, 48, {}, MAP),
    ("pool_mixer", MAP, 48, {"expansion": 2.5, "pool_px": 5}, MAP),
    ("conv_ffn", MAP, 48, {}, MAP),
    ("conv_ffn", MAP, 48, {"expansion": 3}, MAP),
    ("attention_ffn", MAP, 48, {}, MAP),
    ("attention_ffn", MAP, 48, {"stride": 2}, MAP),
    ("attention_ffn", Features(48, 7), 48, {"stride": 2}, Features(48, 7)),
    ("attention_ffn", Features(48, 1), 48, {}, Features(48, 1)),
    ("attention_ffn", MAP, 48, {"heads": 3, "key_dim": 8, "attention_ratio": 1.5}, MAP),
    ("attention_mlp", Features(48, 7), 48, {}, TOKENS),
    ("attention_mlp", TOKENS, 48, {"heads": 3, "key_dim": 8, "attention_ratio": 1.5}, TOKENS),
]
RESIDUAL = ["pool_mixer", "conv_ffn", "attention_ffn", "attention_mlp"]


def on_meta(op: str, inputs: Features, width: int, args: Args) -> nn.Module:
    with torch.device("meta"):
        return build_op(op, inputs, width, args)


@pytest.mark.parametrize(("op", "inputs", "width", "args", "outputs"), CASES)
@pytest.mark.parametrize("training", [False, True])
def test_shape_on_meta_and_on_the_cpu(
    op: str, inputs: Features, width: int, args: Args, outputs: Features, training: bool
) -> None:
    planned = on_meta(op, inputs, width, args).train(training)
    assert planned(torch.empty(inputs.shape(3), device="meta")).shape == outputs.shape(3)
    module = build_op(op, inputs, width, args).train(training)
    result = module(torch.randn(inputs.shape(3)))
    assert result.shape == outputs.shape(3)
    assert result.isfinite().all()
    names = {name: p.shape for name, p in planned.state_dict().items()}
    assert names == {name: p.shape for name, p in module.state_dict().items()}


@pytest.mark.parametrize("inputs", [MAP, TOKENS])
def test_classifier_returns_the_mean_and_both_on_request(inputs: Features) -> None:
    head = build_op("pooled_classifier", inputs, 10, {"distilled": True})
    x = torch.randn(inputs.shape(3))
    assert head.train()(x).shape == (3, 10)
    head.distilled_training = True
    assert [logits.shape for logits in head(x)] == [(3, 10), (3, 10)]
    head.eval()
    head.head_distilled.requires_grad_(False).weight.zero_()
    head.head_distilled.bias.zero_()
    mean = head(x)
    single = build_op("pooled_classifier", inputs, 10, {}).eval()
    single.load_state_dict({k: v for k, v in head.state_dict().items() if "distilled" not in k})
    assert torch.allclose(mean, single(x) / 2, atol=1e-6)
    assert single.train()(x).shape == (3, 10)


def test_classifier_normalises_a_map_by_layer_as_it_does_its_tokens() -> None:
    on_map = build_op("pooled_classifier", MAP, 10, {"norm": "layer"})
    on_tokens = build_op("pooled_classifier", Features(48, 14, tokens=True), 10, {})
    on_tokens.load_state_dict(on_map.state_dict())
    x = torch.randn(MAP.shape(2))
    assert torch.allclose(on_map(x), on_tokens(x.flatten(2).transpose(1, 2)), atol=1e-6)
    assert isinstance(build_op("pooled_classifier", MAP, 10, {}).norm, nn.BatchNorm2d)


SLICES: list[tuple[str, Features, int, Args, Features, int, Args]] = [
    ("conv_stem", IMAGE, 24, {}, IMAGE, 16, {}),
    ("conv_down", MAP, 64, {}, Features(40, 14), 48, {}),
    ("attention_down", MAP, 64, {}, Features(40, 14), 48, {"heads": 6}),
    ("pool_mixer", MAP, 48, {}, Features(40, 14), 40, {"expansion": 2}),
    ("conv_ffn", MAP, 48, {}, Features(40, 14), 40, {"expansion": 2.5}),
    ("attention_ffn", MAP, 48, {"stride": 2}, Features(40, 14), 40, {"stride": 2, "heads": 6}),
    ("attention_mlp", MAP, 48, {}, Features(40, 14), 40, {"heads": 6, "expansion": 3}),
    ("pooled_classifier", MAP, 10, {"distilled": True}, Features(40, 14), 10, {"distilled": True}),
]


@pytest.mark.parametrize(("op", "inputs", "width", "args", "less", "narrower", "fewer"), SLICES)
def test_a_smaller_operator_is_a_leading_slice(
    op: str, inputs: Features, width: int, args: Args, less: Features, narrower: int, fewer: Args
) -> None:
    """The smaller operator takes its weights from the larger one's by name and leading slice, and it runs."""
    large, small = build_op(op, inputs, width, args), build_op(op, less, narrower, fewer).eval()
    source = large.state_dict()
    sliced: dict[str, Tensor] = {}
    for name, value in small.state_dict().items():
        assert value.ndim == source[name].ndim
        assert all(a <= b for a, b in zip(value.shape, source[name].shape, strict=True)), name
        sliced[name] = source[name][tuple(slice(size) for size in value.shape)]
    with torch.no_grad():
        result = torch.func.functional_call(small, sliced, torch.randn(less.shape(2)))
    assert result.isfinite().all()
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in large.parameters())


def test_a_head_is_the_same_in_a_slice() -> None:
    """With one head silenced in the large operator, the slice without it gives the same output."""
    inputs = Features(16, 7, tokens=True)
    args = {"heads": 4, "key_dim": 8}
    large = build_op("attention_mlp", inputs, 16, args).eval()
    small = build_op("attention_mlp", inputs, 16, {**args, "heads": 3}).eval()
    with torch.no_grad():
        for scale in (large.scale1, large.scale2):
            scale.gamma.fill_(1.0)
        large.attention.bias.table.normal_()
        large.attention.proj.weight[:, 3 * 32 :] = 0
    shapes = small.state_dict()
    small.load_state_dict(
        {k: v[tuple(slice(size) for size in shapes[k].shape)] for k, v in large.state_dict().items()}
    )
    x = torch.randn(inputs.shape(2))
    assert torch.allclose(large(x), small(x), atol=1e-5)


def test_attention_knows_where_tokens_stand() -> None:
    """The bias depends on the offset alone: it is symmetric, and the same for all pairs of one offset."""
    bias = OffsetBias(2, 5)
    nn.init.normal_(bias.table)
    spread = bias().reshape(2, 5, 5, 5, 5)
    assert torch.equal(spread[:, 0, 0, 2, 3], bias.table[:, 2 * 5 + 3])
    assert torch.equal(spread[:, 4, 4, 2, 1], bias.table[:, 2 * 5 + 3])
    assert torch.equal(spread[:, 1, 3, 1, 3], bias.table[:, 0])
    strided = OffsetBias(2, 5, query_stride=2)
    strided.table = bias.table
    assert torch.equal(strided().reshape(2, 3, 3, 5, 5), spread[:, ::2, ::2])


def test_the_bias_index_is_no_state_and_can_be_made_anew() -> None:
    with torch.device("meta"):
        bias = OffsetBias(2, 5, query_stride=2)
    assert list(bias.state_dict()) == ["table"]
    bias.to_empty(device="cpu")
    bias.reset_parameters()
    fresh = OffsetBias(2, 5, query_stride=2)
    assert torch.equal(bias.index, fresh.index)
    assert torch.equal(bias(), fresh())


@pytest.mark.parametrize("op", RESIDUAL)
def test_a_dropped_path_leaves_the_input(op: str) -> None:
    args = {"drop_path": 0.999999}
    block = build_op(op, Features(8, 4), 8, {}, **args).train()
    x = torch.randn(4, 8, 4, 4)
    result = block(x)
    assert torch.equal(result if result.ndim == 4 else result.transpose(1, 2).reshape(x.shape), x)
    with torch.no_grad():
        for module in block.modules():
            if isinstance(module, LayerScale):
                module.gamma.fill_(1.0)
    block.eval()
    assert not torch.allclose(block(x).flatten(), result.flatten(), atol=1e-2)


def test_drop_path_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = DropPath(0.25).train()(torch.ones(4000, 2, 2))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert (dropped.flatten(1).std(dim=1) == 0).all()  # whole samples


@pytest.mark.parametrize("op", RESIDUAL)
def test_a_fresh_block_is_nearly_the_identity(op: str) -> None:
    x = torch.randn(2, 8, 4, 4)
    result = build_op(op, Features(8, 4), 8, {}).eval()(x)
    flat = x if result.ndim == 4 else x.flatten(2).transpose(1, 2)
    assert 0 < (result - flat).abs().max() < 1e-3


def test_stride_attention_makes_fewer_pairs() -> None:
    full = on_meta("attention_ffn", MAP, 48, {})
    strided = on_meta("attention_ffn", MAP, 48, {"stride": 2})
    assert full.attention.bias().shape == (8, 196, 196)
    assert strided.attention.bias().shape == (8, 49, 49)
    odd = on_meta("attention_ffn", Features(48, 7), 48, {"stride": 2})
    assert odd.attention.bias().shape == (8, 16, 16)


@pytest.mark.parametrize("expansion", [0.5, 1, 2.5, 4.5])
@pytest.mark.parametrize("op", RESIDUAL)
def test_hidden_width(op: str, expansion: float) -> None:
    mlp = on_meta(op, MAP, 48, {"expansion": expansion}).mlp
    assert mlp.fc1.weight.shape[0] == mlp.fc2.weight.shape[1] == int(48 * expansion)
    assert isinstance(mlp.act, nn.GELU)


BAD: list[tuple[str, Features, int, Args, str]] = [
    ("conv_stem", Features(3, 225), 24, {}, "225 px.*multiple of 32, such as 224"),
    ("conv_stem", Features(3, 224, tokens=True), 24, {}, "feature map"),
    ("conv_stem", IMAGE, 1, {}, "width"),
    ("conv_stem", IMAGE, 24, {"activation": "swish"}, "'gelu' or 'relu'"),
    ("conv_down", TOKENS, 64, {}, "feature map.*tokens"),
    ("conv_down", MAP, 0, {}, "width must be positive"),
    ("attention_down", TOKENS, 64, {}, "feature map.*tokens"),
    ("attention_down", MAP, 64, {"heads": 0}, "heads must be positive"),
    ("pool_mixer", MAP, 64, {}, "48 channels and should give 64"),
    ("pool_mixer", TOKENS, 48, {}, "feature map"),
    ("pool_mixer", MAP, 48, {"pool_px": 2}, "odd"),
    ("conv_ffn", MAP, 64, {}, "48 channels and should give 64"),
    ("conv_ffn", MAP, 48, {"expansion": 0}, "expansion must be positive"),
    ("conv_ffn", MAP, 48, {"expansion": 0.01}, "no hidden channel"),
    ("conv_ffn", MAP, 48, {"expansion": math.inf}, "expansion must be positive"),
    ("attention_ffn", TOKENS, 48, {}, "feature map"),
    ("attention_ffn", MAP, 64, {}, "keeps the width"),
    ("attention_ffn", MAP, 48, {"stride": 0}, "stride must be positive"),
    ("attention_ffn", MAP, 48, {"stride": 15}, "larger than the map, 14 px"),
    ("attention_ffn", MAP, 48, {"attention_ratio": 0.01}, "value_dim must be positive"),
    ("attention_ffn", MAP, 48, {"attention_ratio": math.inf}, "attention_ratio must be positive"),
    ("attention_mlp", TOKENS, 64, {}, "keeps the width"),
    ("attention_mlp", Features(48, 7, tokens=True, extra_tokens=1), 48, {}, "class token"),
    ("attention_mlp", TOKENS, 48, {"key_dim": -1}, "key_dim must be positive"),
    ("pooled_classifier", TOKENS, 10, {"norm": "batch"}, "needs a feature map"),
    ("pooled_classifier", Features(48, 7, tokens=True, extra_tokens=1), 10, {}, "class token"),
    ("pooled_classifier", MAP, 10, {"norm": "group"}, "'auto', 'batch' or 'layer'"),
    ("pooled_classifier", MAP, -1, {}, "classes must be 0"),
]


@pytest.mark.parametrize(("op", "inputs", "width", "args", "said"), BAD)
def test_what_cannot_be_built_is_said(op: str, inputs: Features, width: int, args: Args, said: str) -> None:
    with pytest.raises(InvalidArchitecture, match=said) as caught:
        on_meta(op, inputs, width, args)
    assert "\n" not in str(caught.value)


def test_a_drop_path_rate_of_one_is_refused() -> None:
    with pytest.raises(InvalidArchitecture, match=r"\[0, 1\)"):
        DropPath(1.0)
