"""The operators of plain vision transformers: shapes, slices, what each computes, and errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitnas.arch.build import build_op, output_features
from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture

Args = dict[str, Any]

IMAGE, MAP = Features(3, 64), Features(48, 14)
PLACES, TOKENS = Features(48, 4, tokens=True), Features(48, 4, tokens=True, extra_tokens=1)
CASES: list[tuple[str, Features, int, Args, Features]] = [
    ("patch_embed", IMAGE, 48, {}, TOKENS),
    ("patch_embed", IMAGE, 48, {"class_token": False}, PLACES),
    ("patch_embed", Features(1, 60), 48, {"patch_px": 20}, Features(48, 3, tokens=True, extra_tokens=1)),
    ("patch_embed", Features(3, 16), 48, {}, Features(48, 1, tokens=True, extra_tokens=1)),
    ("transformer_block", TOKENS, 48, {}, TOKENS),
    ("transformer_block", PLACES, 48, {"heads": 2, "head_dim": 8, "expansion": 2.5}, PLACES),
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("op", "inputs", "width", "args", "outputs"), CASES)
@pytest.mark.parametrize("training", [False, True])
def test_shape_on_meta_and_on_the_cpu(
    op: str, inputs: Features, width: int, args: Args, outputs: Features, training: bool
) -> None:
    assert output_features(op, inputs, width, tuple(sorted(args.items()))) == outputs
    module = build_op(op, inputs, width, args).train(training)
    result = module(torch.randn(inputs.shape(3)))
    assert result.shape == outputs.shape(3)
    assert result.isfinite().all()


SLICES: list[tuple[str, Features, int, Args, Features, int, Args]] = [
    ("patch_embed", IMAGE, 48, {}, IMAGE, 40, {}),
    ("transformer_block", TOKENS, 48, {}, Features(40, 4, True, 1), 40, {"heads": 2, "expansion": 3}),
    ("token_classifier", TOKENS, 10, {}, Features(40, 4, True, 1), 10, {}),
]


def sliced(small: nn.Module, large: nn.Module) -> dict[str, Tensor]:
    """The large operator's weights cut to the small one's shapes, by name."""
    source = large.state_dict()
    return {
        name: source[name][tuple(slice(size) for size in value.shape)]
        for name, value in small.state_dict().items()
    }


@pytest.mark.parametrize(("op", "inputs", "width", "args", "less", "narrower", "fewer"), SLICES)
def test_a_smaller_operator_is_a_leading_slice(
    op: str, inputs: Features, width: int, args: Args, less: Features, narrower: int, fewer: Args
) -> None:
    large, small = build_op(op, inputs, width, args), build_op(op, less, narrower, fewer).eval()
    result = torch.func.functional_call(small, sliced(small, large), torch.randn(less.shape(2)))
    assert result.isfinite().all()


def test_a_head_is_the_same_in_a_slice() -> None:
    """With one head silenced in the large operator, the slice without it gives the same output."""
    args = {"heads": 4, "head_dim": 8}
    large = build_op("transformer_block", TOKENS, 48, args).eval()
    small = build_op("transformer_block", TOKENS, 48, {**args, "heads": 3}).eval()
    with torch.no_grad():
        large.attention.proj.weight[:, 3 * 8 :] = 0
    small.load_state_dict(sliced(small, large))
    x = torch.randn(TOKENS.shape(2))
    assert torch.allclose(large(x), small(x), atol=1e-5)


def test_attention_is_the_textbooks() -> None:
    """softmax(q k / sqrt(d)) v for each head, written out."""
    block = build_op("transformer_block", TOKENS, 48, {"heads": 3, "head_dim": 8}).eval().attention
    for weight in block.parameters():
        nn.init.normal_(weight, std=0.3)
    x = torch.randn(TOKENS.shape(2))
    q, k, v = (layer(x).reshape(2, 17, 3, 8) for layer in (block.q, block.k, block.v))
    weights = (torch.einsum("bnhd,bmhd->bhnm", q, k) / 8**0.5).softmax(dim=-1)
    mixed = torch.einsum("bhnm,bmhd->bnhd", weights, v).reshape(2, 17, 24)
    assert torch.allclose(block(x), block.proj(mixed), atol=1e-5)


def test_a_token_is_a_patch_with_its_position() -> None:
    stem = build_op("patch_embed", IMAGE, 48, {}).eval()
    images = torch.randn(2, 3, 64, 64)
    tokens = stem(images)
    patch = images[:, :, 16:32, 32:48].flatten(1)  # second row, third column: token 1 + 4 + 2
    expected = patch @ stem.proj.weight.flatten(1).T + stem.proj.bias + stem.positions[0, 7]
    assert torch.allclose(tokens[:, 7], expected, atol=1e-4)
    assert torch.equal(tokens[:, 0], (stem.class_token[0] + stem.positions[0, :1]).expand(2, -1))


def test_positions_and_class_token_can_be_made_anew() -> None:
    with torch.device("meta"):
        stem = build_op("patch_embed", IMAGE, 48, {})
    stem.to_empty(device="cpu")
    stem.reset_parameters()
    assert 0.018 < stem.positions.std() < 0.022
    assert stem.class_token.abs().max() < 0.1


def test_the_classifier_reads_the_class_token_or_the_mean_of_the_others() -> None:
    x = torch.randn(TOKENS.shape(2))
    heads = {pool: build_op("token_classifier", TOKENS, 10, {"pool": pool}) for pool in ("class", "mean")}
    for head in heads.values():
        head.load_state_dict(heads["class"].state_dict())
    other = x.clone()
    other[:, 1:] += torch.randn(16, 48)
    assert torch.equal(heads["class"](x), heads["class"](other))
    assert not torch.allclose(heads["mean"](x), heads["mean"](other))
    other = x.clone()
    other[:, 0] = 7
    assert torch.equal(heads["mean"](x), heads["mean"](other))
    assert torch.equal(build_like(heads["class"], TOKENS)(x), heads["class"](x))  # auto
    assert torch.allclose(build_like(heads["class"], PLACES)(x[:, 1:]), heads["mean"](x))


def build_like(head: nn.Module, inputs: Features) -> nn.Module:
    auto = build_op("token_classifier", inputs, 10, {})
    auto.load_state_dict(head.state_dict())
    return auto


def test_a_dropped_path_leaves_the_input() -> None:
    block = build_op("transformer_block", TOKENS, 48, {}, drop_path=0.999999).train()
    x = torch.randn(TOKENS.shape(4))
    assert torch.equal(block(x), x)
    assert not torch.allclose(block.eval()(x), x, atol=1e-2)


BAD: list[tuple[str, Features, int, Args, str]] = [
    ("patch_embed", TOKENS, 48, {}, "feature map.*tokens"),
    ("patch_embed", Features(3, 100), 48, {}, "patches of 16 px.*100 px.*such as 96"),
    ("patch_embed", Features(3, 8), 48, {}, "8 px is no multiple.*such as 16"),
    ("patch_embed", IMAGE, 48, {"patch_px": 0}, "patch_px must be positive"),
    ("patch_embed", IMAGE, 0, {}, "width must be positive"),
    ("transformer_block", MAP, 48, {}, "needs tokens.*put patch_embed before it"),
    ("transformer_block", TOKENS, 64, {}, "keeps the width"),
    ("transformer_block", TOKENS, 48, {"heads": 0}, "heads must be positive"),
    ("transformer_block", TOKENS, 48, {"head_dim": -1}, "head_dim must be positive"),
    ("transformer_block", TOKENS, 48, {"expansion": 0.01}, "no hidden channel"),
    ("token_classifier", MAP, 10, {}, "needs tokens"),
    ("token_classifier", PLACES, 10, {"pool": "class"}, "needs a class token"),
    ("token_classifier", TOKENS, 10, {"pool": "max"}, "'auto', 'class' or 'mean'"),
    ("token_classifier", TOKENS, -1, {}, "classes must be 0"),
]


@pytest.mark.parametrize(("op", "inputs", "width", "args", "said"), BAD)
def test_what_cannot_be_built_is_said(op: str, inputs: Features, width: int, args: Args, said: str) -> None:
    with pytest.raises(InvalidArchitecture, match=said) as caught, torch.device("meta"):
        build_op(op, inputs, width, args)
    assert "\n" not in str(caught.value)
