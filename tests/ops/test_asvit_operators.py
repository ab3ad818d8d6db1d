"""The operators of As-ViT: shapes, what each computes, export, slices, and errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.build import build_op, output_features
from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture

Args = dict[str, Any]

IMAGE, MAP = Features(3, 32), Features(24, 8)
TOKENS, CLASS_TOKEN = Features(24, 8, tokens=True), Features(24, 8, tokens=True, extra_tokens=1)
CASES: list[tuple[str, Features, int, Args, Features]] = [
    *(("overlap_patch_embed", IMAGE, 24, {"kernel_px": k}, TOKENS) for k in (4, 5, 6, 7, 8)),
    ("overlap_patch_embed", IMAGE, 24, {"kernel_px": 3, "stride": 2}, Features(24, 16, tokens=True)),
    *(("patch_merging", TOKENS, 40, {"kernel_px": k}, Features(40, 4, tokens=True)) for k in (2, 3, 4)),
    *(("window_block", TOKENS, 24, {"splits": s}, TOKENS) for s in (1, 2, 4, 8)),
    ("window_block", TOKENS, 24, {"heads": 5, "expansion": 2.5}, TOKENS),  # 20 of 24 channels attend
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def loud(op: str, inputs: Features, width: int, **args: Any) -> nn.Module:
    """The operator with weights that show in the output."""
    module = build_op(op, inputs, width, args).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.3)
    return module


@pytest.mark.parametrize(("op", "inputs", "width", "args", "outputs"), CASES)
def test_shape_on_meta_and_on_the_cpu(
    op: str, inputs: Features, width: int, args: Args, outputs: Features
) -> None:
    assert output_features(op, inputs, width, tuple(sorted(args.items()))) == outputs
    result = loud(op, inputs, width, **args)(torch.randn(inputs.shape(3)))
    assert result.shape == outputs.shape(3)
    assert result.isfinite().all()


@pytest.mark.parametrize("kernel", [4, 5, 8])
def test_a_patch_is_centred_on_its_place(kernel: int) -> None:
    stem = loud("overlap_patch_embed", IMAGE, 24, kernel_px=kernel)
    images = torch.randn(2, 3, 32, 32)
    before = (kernel - 4) // 2
    patch = images[:, :, 8 - before : 8 - before + kernel, 12 - before : 12 - before + kernel]
    token = patch.flatten(1) @ stem.proj.weight.flatten(1).T + stem.proj.bias
    assert torch.allclose(stem(images)[:, 2 * 8 + 3], stem.norm(token), atol=1e-4)


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_merging_is_unfold_norm_linear(kernel: int) -> None:
    merging = loud("patch_merging", TOKENS, 40, kernel_px=kernel)
    x = torch.randn(TOKENS.shape(2))
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    maps = F.pad(x.transpose(1, 2).reshape(2, 24, 8, 8), (before, after, before, after))
    patches = F.unfold(maps, kernel, stride=2).transpose(1, 2)
    assert torch.allclose(merging(x), merging.reduction(merging.norm(patches)), atol=1e-4)


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_merging_keeps_the_larger_half_of_an_odd_side(kernel: int) -> None:
    merging = loud("patch_merging", Features(24, 7, tokens=True), 40, kernel_px=kernel)
    x = torch.randn(2, 49, 24)
    before, after = (kernel - 1) // 2, kernel // 2
    maps = F.pad(x.transpose(1, 2).reshape(2, 24, 7, 7), (before, after, before, after))
    patches = F.unfold(maps, kernel, stride=2).transpose(1, 2)
    assert patches.shape[1] == 16
    assert torch.allclose(merging(x), merging.reduction(merging.norm(patches)), atol=1e-4)


@pytest.mark.parametrize("heads", [1, 4, 5])
@pytest.mark.parametrize("splits", [1, 2, 4])
def test_attention_stays_within_its_window(splits: int, heads: int) -> None:
    """softmax(q k / sqrt(d)) v over all pairs of places, with pairs of different windows masked out."""
    attention = loud("window_block", TOKENS, 24, splits=splits, heads=heads).attention
    x = torch.randn(TOKENS.shape(2))
    window = torch.arange(8) * splits // 8
    places = (window[:, None] * splits + window[None, :]).flatten()  # window of each place
    dim = 24 // heads
    q, k, v = (f(x).reshape(2, 64, heads, dim) for f in (attention.q, attention.k, attention.v))
    scores = torch.einsum("bnhd,bmhd->bhnm", q, k) / dim**0.5
    weights = scores.masked_fill(places[:, None] != places[None, :], -torch.inf).softmax(dim=-1)
    mixed = torch.einsum("bhnm,bmhd->bnhd", weights, v).reshape(2, 64, heads * dim)
    assert torch.allclose(attention(x), attention.proj(mixed), atol=1e-4)


def test_the_head_averages_and_has_two_layers() -> None:
    head = loud("mlp_classifier", TOKENS, 7)
    x = torch.randn(TOKENS.shape(2))
    pooled = F.layer_norm(x, (24,), head.norm.weight, head.norm.bias).mean(dim=1)
    assert torch.allclose(head(x), head.head(torch.tanh(head.hidden(pooled))), atol=1e-5)


def test_a_leading_slice_of_the_inputs_is_the_same_merging_of_fewer_channels() -> None:
    large, small = (loud("patch_merging", Features(c, 8, tokens=True), 40, kernel_px=3) for c in (24, 16))
    small.load_state_dict(
        {k: large.state_dict()[k][tuple(slice(n) for n in v.shape)] for k, v in small.state_dict().items()}
    )
    large.norm, small.norm = nn.Identity(), nn.Identity()
    x = torch.randn(TOKENS.shape(2))
    x[:, :, 16:] = 0
    assert torch.allclose(large(x), small(x[:, :, :16]), atol=1e-4)


@pytest.mark.parametrize(("op", "inputs", "width", "args"), [c[:4] for c in (CASES[1], CASES[7], CASES[10])])
def test_torch_export(op: str, inputs: Features, width: int, args: Args) -> None:
    module, x = loud(op, inputs, width, **args), torch.randn(inputs.shape(2))
    program = torch.export.export(module, (x,))
    assert torch.allclose(program.module()(x), module(x), atol=1e-4)


BAD: list[tuple[str, Features, int, Args, str]] = [
    ("overlap_patch_embed", TOKENS, 24, {}, "feature map.*tokens"),
    ("overlap_patch_embed", Features(3, 30), 24, {}, "30 px is no multiple of the stride 4"),
    ("overlap_patch_embed", IMAGE, 24, {"kernel_px": 3}, "kernel_px 3 is below the stride 4"),
    ("overlap_patch_embed", IMAGE, 0, {}, "width must be positive"),
    ("overlap_patch_embed", IMAGE, 24, {"stride": 0}, "stride must be positive"),
    ("patch_merging", MAP, 24, {}, "needs tokens"),
    ("patch_merging", CLASS_TOKEN, 24, {}, "takes no class token"),
    ("patch_merging", TOKENS, 24, {"kernel_px": 1}, "below the stride 2"),
    ("window_block", MAP, 24, {}, "needs tokens"),
    ("window_block", CLASS_TOKEN, 24, {}, "takes no class token"),
    ("window_block", TOKENS, 32, {}, "keeps the width"),
    ("window_block", TOKENS, 24, {"splits": 3}, "side 8 does not divide into 3 windows.*multiples of 32"),
    ("window_block", TOKENS, 24, {"splits": 0}, "splits must be positive"),
    ("window_block", TOKENS, 24, {"heads": 25}, "25 heads for 24 channels"),
    ("window_block", TOKENS, 24, {"expansion": 0.01}, "no hidden channel"),
    ("mlp_classifier", MAP, 7, {}, "needs tokens"),
    ("mlp_classifier", TOKENS, -1, {}, "classes must be 0"),
]


@pytest.mark.parametrize(("op", "inputs", "width", "args", "said"), BAD)
def test_what_cannot_be_built_is_said(op: str, inputs: Features, width: int, args: Args, said: str) -> None:
    with pytest.raises(InvalidArchitecture, match=said) as caught, torch.device("meta"):
        build_op(op, inputs, width, args)
    assert "\n" not in str(caught.value)


def test_a_dropped_path_leaves_the_input() -> None:
    block = build_op("window_block", TOKENS, 24, {}, drop_path=0.999999).train()
    x: Tensor = torch.randn(TOKENS.shape(4))
    assert torch.equal(block(x), x)
