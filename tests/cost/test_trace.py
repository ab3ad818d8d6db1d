from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vitnas.cost.trace import KernelKind, Trace, trace
from vitnas.testing.fvcore_macs import fvcore_activations, fvcore_macs

TIMM_MODELS = [
    ("efficientformerv2_s0", 224),
    ("efficientformerv2_s1", 224),
    ("efficientformer_l1", 224),
    ("deit_tiny_patch16_224", 224),
    ("levit_128s", 224),
    ("mobilevitv2_050", 256),
    ("efficientnet_b0", 224),
    ("poolformer_s12", 224),
    ("convnext_atto", 224),
    ("swin_tiny_patch4_window7_224", 224),
    ("edgenext_xx_small", 256),
    ("repvit_m0_9", 224),
    ("pvt_v2_b0", 224),
]


def macs_by_group(traced: Trace) -> tuple[int, int]:
    """MACs of convolutions, and of linear layers and matrix products together."""
    convolutions = {KernelKind.conv, KernelKind.pointwise, KernelKind.grouped, KernelKind.depthwise}
    conv = sum(k.macs for k in traced.kernels if k.kind in convolutions)
    return conv, traced.macs - conv


def kinds(traced: Trace) -> list[str]:
    return [str(kernel.kind) for kernel in traced.kernels]


@pytest.mark.parametrize(("name", "side_px"), TIMM_MODELS)
def test_macs_and_activations_equal_fvcores_to_the_last(name: str, side_px: int) -> None:
    timm = pytest.importorskip("timm")
    module = timm.create_model(name).eval()
    traced = trace(module, (1, 3, side_px, side_px))
    theirs = fvcore_macs(module, (1, 3, side_px, side_px))
    assert macs_by_group(traced) == (theirs["conv"], theirs["linear"] + theirs["matmul"])
    assert traced.activations == sum(fvcore_activations(module, (1, 3, side_px, side_px)).values())
    assert traced.params == sum(p.numel() for p in module.parameters())
    assert traced.output_shape == (1, 1000)


@pytest.mark.parametrize(("name", "mega"), [("efficientformerv2_s0", 5.30), ("efficientformer_l3", 12.01)])
def test_activations_are_the_ones_timm_publishes(name: str, mega: float) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        module = timm.create_model(name)
    assert round(trace(module, (1, 3, 224, 224)).activations / 1e6, 2) == mega


class Attention(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.qkv = nn.Linear(32, 96)

    def forward(self, x: Tensor) -> Tensor:  # (B, N, 32)
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, 4, 8).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            return functional.scaled_dot_product_attention(q, k, v)
        return (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1) @ v


@pytest.mark.parametrize("on_meta", [True, False])
def test_fused_attention_counts_as_its_two_products(on_meta: bool) -> None:
    tokens, channels, batch = 50, 32, 2
    with torch.device("meta" if on_meta else "cpu"):
        fused, plain = Attention(True), Attention(False)
    traced = trace(fused, (batch, tokens, channels))
    expected = batch * (tokens * channels * 3 * channels + 2 * tokens * tokens * channels)
    assert traced.macs == trace(plain, (batch, tokens, channels)).macs == expected
    assert kinds(traced).count("matmul") == 2
    assert kinds(traced).count("softmax") == 1


def test_multihead_attention_and_encoder_layer_are_seen_inside() -> None:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    expected = 17 * 64 * (4 * 64 + 2 * 128) + 2 * 17 * 17 * 64
    assert trace(layer, (1, 17, 64)).macs == expected


@pytest.mark.parametrize(
    ("module", "kind", "macs"),
    [
        (nn.Conv2d(6, 12, 3, stride=2, padding=1), "conv", 5 * 5 * 12 * 6 * 9),
        (nn.Conv2d(6, 12, 1), "pointwise", 9 * 9 * 12 * 6),
        (nn.Conv2d(6, 12, 3, groups=3), "grouped", 7 * 7 * 12 * 2 * 9),
        (nn.Conv2d(6, 12, 3, groups=6), "depthwise", 7 * 7 * 12 * 9),
        (nn.Conv2d(6, 12, 3, dilation=2), "conv", 5 * 5 * 12 * 6 * 9),
        (nn.ConvTranspose2d(6, 12, 2, stride=2), "conv", 9 * 9 * 6 * 12 * 4),
        (nn.ConvTranspose2d(6, 6, 2, stride=2, groups=6), "depthwise", 9 * 9 * 6 * 4),
    ],
)
def test_convolutions_by_class(module: nn.Module, kind: str, macs: int) -> None:
    (kernel,) = trace(module, (1, 6, 9, 9)).kernels
    assert (kernel.kind, kernel.macs) == (kind, macs)
    assert kernel.inputs_elements == 6 * 81
    assert kernel.weight_elements == sum(p.numel() for p in module.parameters())


def test_the_batch_multiplies_macs_and_outputs() -> None:
    one, three = (trace(nn.Linear(4, 5), (n, 7, 4)) for n in (1, 3))
    assert three.macs == 3 * one.macs == 3 * 7 * 4 * 5
    assert three.activations == 3 * one.activations == 3 * 7 * 5


def test_views_are_no_kernels_not_even_in_place_ones() -> None:
    class Views(nn.Module):
        def forward(self, x: Tensor) -> Tensor:  # (B, 4, 3)
            return x.unsqueeze(0).squeeze_(0).view(-1, 12)[:, 2:].unsqueeze_(1).expand(-1, 5, -1)

    assert trace(Views(), (2, 4, 3)).kernels == ()


def test_linear_on_strided_tokens_is_one_linear_kernel() -> None:
    class Strided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:  # (B, 4, H, W)
            return self.fc(x.flatten(2).transpose(1, 2))

    assert kinds(trace(Strided(), (1, 4, 3, 3))) == ["move", "linear"]


def test_kinds_of_what_is_no_product() -> None:
    module = nn.Sequential(
        nn.BatchNorm2d(4), nn.ReLU(), nn.SiLU(), nn.Hardswish(inplace=True), nn.GroupNorm(1, 4),
        nn.AvgPool2d(3), nn.Upsample(scale_factor=2), nn.ZeroPad2d(1), nn.Softmax(1), nn.AdaptiveAvgPool2d(1),
    )  # fmt: skip
    assert kinds(trace(module, (1, 4, 6, 6))) == [
        "batch_norm", "activation", "swish", "swish", "norm", "pool", "resize", "move", "softmax", "pool",
    ]  # fmt: skip


def test_state_comes_back_and_real_weights_stay() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Dropout(0.5))
    weight = module[0].weight.detach().clone()
    first = trace(module, (1, 3, 8, 8))
    assert [child.training for child in module] == [True, False, True]
    assert not module[0].weight.is_meta
    assert torch.equal(module[0].weight, weight)
    with torch.device("meta"):
        on_meta = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Dropout(0.5))
    assert trace(on_meta, (1, 3, 8, 8)) == first
    assert [child.training for child in on_meta] == [True, False, True]


def test_what_hangs_on_parameters_alone_is_no_kernel() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(3, 5))
            self.mix = nn.Parameter(torch.zeros(5, 5))

        def forward(self, x: Tensor) -> Tensor:  # (B, 3, 5)
            return x + (self.table * 2) @ self.mix

    product, add = trace(Scaled(), (1, 3, 5)).kernels
    assert (product.kind, product.constant, product.macs) == ("linear", True, 75)
    assert (add.kind, add.constant, add.weight_elements) == ("elementwise", False, 15)


def test_tensors_kept_as_plain_attributes_come_along() -> None:
    class WithAnchors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.anchors = torch.zeros(4)
            self.cache = {"grid": torch.zeros(4)}

        def forward(self, x: Tensor) -> Tensor:
            return x + self.anchors * self.cache["grid"]

    module = WithAnchors()
    assert trace(module, (2, 4)).kernels[0].weight_elements == 4
    assert not module.anchors.is_meta


def test_a_trace_inside_inference_mode_is_the_same() -> None:
    module = Attention(True)
    outside = trace(module, (1, 9, 32))
    with torch.inference_mode():
        assert trace(module, (1, 9, 32)) == outside
