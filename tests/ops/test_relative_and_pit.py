"""AutoFormer's relative positions written out pair by pair, heads that share the width, and PiT's pooling."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.build import build_op, output_features
from vitnas.arch.features import Features
from vitnas.errors import InvalidArchitecture
from vitnas.ops._relative import MAX_OFFSET, RelativePosition

PLACES, TOKENS = Features(48, 4, tokens=True), Features(48, 4, tokens=True, extra_tokens=1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def loud(module: nn.Module) -> nn.Module:
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module.eval()


def pair_vectors(positions: RelativePosition, tokens: int) -> Tensor:
    """(N, N, head_dim): the vector of every query and key, by the definition."""
    side, extra = positions.side_px, positions.extra_tokens
    out = torch.empty(tokens, tokens, positions.rows.shape[1])
    for query in range(tokens):
        for key in range(tokens):
            row = column = 0
            if query >= extra and key >= extra:
                (qy, qx), (ky, kx) = divmod(query - extra, side), divmod(key - extra, side)
                row = min(max(ky - qy, -MAX_OFFSET), MAX_OFFSET) + MAX_OFFSET + 1
                column = min(max(kx - qx, -MAX_OFFSET), MAX_OFFSET) + MAX_OFFSET + 1
            out[query, key] = positions.rows[row] + positions.columns[column]
    return out


@pytest.mark.parametrize("inputs", [PLACES, TOKENS, Features(48, 3, tokens=True, extra_tokens=2)])
def test_attention_is_autoformers(inputs: Features) -> None:
    """softmax((q k + q r) / sqrt(d)) (v + r'), with a vector r and r' for every pair, heads alike."""
    block = loud(build_op("autoformer_block", inputs, 48, {"heads": 3, "head_dim": 8})).attention
    tokens = inputs.shape()[1]
    x = torch.randn(inputs.shape(2))
    q, k, v = (layer(x).reshape(2, tokens, 3, 8) for layer in (block.q, block.k, block.v))
    keys, values = (pair_vectors(p, tokens) for p in (block.key_positions, block.value_positions))
    scores = torch.einsum("bnhd,bmhd->bhnm", q, k) + torch.einsum("bnhd,nmd->bhnm", q, keys)
    weights = (scores / 8**0.5).softmax(dim=-1)
    mixed = torch.einsum("bhnm,bmhd->bnhd", weights, v) + torch.einsum("bhnm,nmd->bnhd", weights, values)
    torch.testing.assert_close(block(x), block.proj(mixed.reshape(2, tokens, 24)), atol=1e-5, rtol=1e-5)


def test_far_pairs_share_the_outermost_vectors() -> None:
    positions = loud(RelativePosition(17, 4))
    q = torch.randn(1, 1, 289, 4)
    scores = positions.scores(q)[0, 0, 0].reshape(17, 17)  # from the upper left corner
    torch.testing.assert_close(scores[15], scores[16])
    torch.testing.assert_close(scores[:, 15], scores[:, 16])
    assert not torch.allclose(scores[13], scores[14])


def test_one_state_fits_every_resolution() -> None:
    large = build_op("autoformer_block", Features(48, 14, tokens=True, extra_tokens=1), 48, {})
    small = build_op("autoformer_block", TOKENS, 48, {})
    small.load_state_dict(large.state_dict())
    assert small(torch.randn(TOKENS.shape(2))).shape == (2, 17, 48)


def test_positions_can_be_made_anew() -> None:
    with torch.device("meta"):
        positions = RelativePosition(4, 64)
    positions.to_empty(device="cpu")
    positions.reset_parameters()
    assert 0.018 < positions.rows.std() < 0.022
    assert torch.equal(positions.index, RelativePosition(4, 64).index)


def test_a_head_is_the_same_in_a_slice() -> None:
    args = {"heads": 4, "head_dim": 8}
    large = loud(build_op("autoformer_block", TOKENS, 48, args))
    small = build_op("autoformer_block", TOKENS, 48, {**args, "heads": 3}).eval()
    with torch.no_grad():
        large.attention.proj.weight[:, 3 * 8 :] = 0
    source = large.state_dict()
    state = {n: source[n][tuple(map(slice, value.shape))] for n, value in small.state_dict().items()}
    small.load_state_dict(state)
    x = torch.randn(TOKENS.shape(2))
    torch.testing.assert_close(large(x), small(x))


def test_heads_share_the_width() -> None:
    """Torch's own attention, given the same weights."""
    block = loud(build_op("split_head_block", TOKENS, 48, {"heads": 4})).attention
    theirs = nn.MultiheadAttention(48, 4, batch_first=True)
    layers = (block.q, block.k, block.v)
    state = {
        "in_proj_weight": torch.cat([layer.weight for layer in layers]),
        "in_proj_bias": torch.cat([layer.bias for layer in layers]),
        "out_proj.weight": block.proj.weight,
        "out_proj.bias": block.proj.bias,
    }
    theirs.load_state_dict(state)
    x = torch.randn(TOKENS.shape(2))
    torch.testing.assert_close(block(x), theirs(x, x, x)[0], atol=1e-5, rtol=1e-5)
    counts = [
        sum(p.numel() for p in build_op("split_head_block", TOKENS, 48, {"heads": h}).parameters())
        for h in (1, 4, 12)
    ]
    assert len(set(counts)) == 1


@pytest.mark.parametrize(("side", "out"), [(27, 14), (7, 4), (1, 1)])
@pytest.mark.parametrize("extra", [0, 1])
def test_pooling_halves_the_map_and_projects_the_class_token(side: int, out: int, extra: int) -> None:
    inputs = Features(16, side, tokens=True, extra_tokens=extra)
    down = loud(build_op("pit_down", inputs, 32, {}))
    assert output_features("pit_down", inputs, 32, ()).shape(3) == (3, out**2 + extra, 32)
    x = torch.randn(inputs.shape(2))
    y = down(x)
    places = x[:, extra:].transpose(1, 2).reshape(2, 16, side, side)
    # the channels 2 c and 2 c + 1 that go out are of channel c
    for channel in (0, 5):
        weight = down.pool.weight[2 * channel : 2 * channel + 2]
        pooled = F.conv2d(places[:, channel : channel + 1], weight, stride=2, padding=1)
        pooled = pooled + down.pool.bias[2 * channel : 2 * channel + 2].view(1, 2, 1, 1)
        expected = pooled.flatten(2).transpose(1, 2)
        torch.testing.assert_close(y[:, extra:, 2 * channel : 2 * channel + 2], expected)
    if extra:
        torch.testing.assert_close(y[:, 0], down.proj(x[:, 0]))


def test_pooling_to_fewer_channels() -> None:
    assert build_op("pit_down", Features(24, 6, tokens=True), 16, {}).pool.groups == 8


def test_overlapping_patches_have_positions_and_the_class_token_none() -> None:
    stem = build_op("pit_embed", Features(3, 64), 48, {}).eval()
    images = torch.randn(2, 3, 64, 64)
    tokens = stem(images)
    assert tokens.shape == (2, 1 + 49, 48)
    patch = images[:, :, 8:24, 16:32].flatten(1)  # second row, third column: token 1 + 7 + 2
    expected = patch @ stem.proj.weight.flatten(1).T + stem.proj.bias + stem.positions[0, 9]
    torch.testing.assert_close(tokens[:, 10], expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(tokens[:, 0], stem.class_token[0].expand(2, -1))


BAD = [
    ("autoformer_block", Features(48, 14), 48, {}, "needs tokens"),
    ("autoformer_block", TOKENS, 64, {}, "keeps the width"),
    ("autoformer_block", TOKENS, 48, {"heads": 0}, "heads must be positive"),
    ("split_head_block", TOKENS, 48, {"heads": 5}, "5 heads do not divide 48"),
    ("split_head_block", TOKENS, 48, {"expansion": 0.01}, "no hidden channel"),
    ("pit_embed", TOKENS, 48, {}, "feature map"),
    ("pit_embed", Features(3, 8), 48, {}, "patches of 16 px, and resolution 8 px holds none"),
    ("pit_embed", Features(3, 64), 48, {"stride_px": 0}, "stride_px must be positive"),
    ("pit_down", Features(48, 14), 48, {}, "needs tokens"),
    ("pit_down", TOKENS, 0, {}, "width must be positive"),
]


@pytest.mark.parametrize(("op", "inputs", "width", "args", "said"), BAD)
def test_what_cannot_be_built_is_said(op, inputs, width, args, said) -> None:
    with pytest.raises(InvalidArchitecture, match=said), torch.device("meta"):
        build_op(op, inputs, width, args)
