from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vitnas.cost.device import Device
from vitnas.cost.trace import Kernel, trace
from vitnas.hardware.devices.fitted_device import FittedDevice
from vitnas.hardware.load_device import load_device
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.fitting import PRIOR
from vitnas.hardware.roofline.roofline import COEFFICIENTS, Networks, kernels_ms, roofline_features

ONES = dict.fromkeys(COEFFICIENTS, 1.0)


def kernels_of(module: nn.Module, shape: tuple[int, ...]) -> tuple[Kernel, ...]:
    return trace(module, shape).kernels


def test_features_of_a_convolution_by_hand() -> None:
    features = roofline_features(kernels_of(nn.Conv2d(3, 8, 1), (1, 3, 10, 10)), bytes_per_element=2)
    assert features.gmacs.tolist() == pytest.approx([8 * 3 * 100 / 1e9])
    assert features.activation_mb.tolist() == pytest.approx([(300 + 800) * 2 / 1e6])
    assert features.weight_mb == pytest.approx((24 + 8) * 2 / 1e6)
    assert sum(features.bytes_mb.values()) == 0


def test_byte_terms_by_hand() -> None:
    module = nn.Sequential(nn.SiLU(), nn.LayerNorm(10), nn.ReLU(), nn.AvgPool1d(2))
    features = roofline_features(kernels_of(module, (1, 6, 10)), bytes_per_element=4)
    assert features.bytes_mb == pytest.approx(
        {
            "swish": 120 * 4 / 1e6,
            "softmax_norm": 120 * 4 / 1e6,
            "elementwise": 90 * 4 / 1e6,
            "move": 0.0,
            "nonlinearity": 120 * 4 / 1e6,
        }
    )
    assert features.calls == 4


def test_a_kernel_costs_the_longer_of_work_and_traffic() -> None:
    kernels = kernels_of(nn.Conv2d(3, 8, 1), (1, 3, 10, 10))
    features = roofline_features(kernels, 2)
    weights_ms = features.weight_mb
    work, traffic = float(features.gmacs[0]), float(features.activation_mb[0])
    assert work < traffic
    assert kernels_ms(features, ONES) == pytest.approx(traffic + weights_ms + 1)
    fast_memory = ONES | {"activation_ms_per_mb": 1e-9}
    assert kernels_ms(features, fast_memory) == pytest.approx(work + weights_ms + 1)


def test_prices_add_up_over_blocks_wherever_the_cut_is() -> None:
    pytest.importorskip("timm")
    device = load_device("iphone12")
    kernels = network_trace("efficientformerv2_s0").kernels
    whole = device.network_ms(kernels)
    for cut in (1, 57, 200):
        parts = device.kernels_ms(kernels[:cut]) + device.kernels_ms(kernels[cut:])
        assert device.base_ms() + parts == pytest.approx(whole, rel=1e-12)
    assert device.kernels_ms([]) == 0


def test_batched_prices_equal_single_ones() -> None:
    shapes = [(1, 3, 8, 8), (1, 3, 20, 20)]
    modules = [nn.Conv2d(3, 8, 3), nn.Sequential(nn.Conv2d(3, 8, 1), nn.SiLU(), nn.Conv2d(8, 8, 3, groups=8))]
    features = [roofline_features(kernels_of(m, s), 2) for m, s in zip(modules, shapes, strict=True)]
    together = Networks(features).latency_ms(np.array([PRIOR[name] for name in COEFFICIENTS]))
    assert together.tolist() == pytest.approx([PRIOR["base_ms"] + kernels_ms(f, PRIOR) for f in features])


def test_what_depends_on_weights_alone_is_free() -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(16, 16))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ (self.table @ self.table)

    features = roofline_features(kernels_of(Folded(), (1, 4, 16)), 2)
    assert features.gmacs.tolist() == pytest.approx([4 * 16 * 16 / 1e9])


def test_the_shipped_device_is_a_device() -> None:
    device = load_device("iphone12")
    assert isinstance(device, Device)
    assert isinstance(device, FittedDevice)
    assert (device.name, device.dtype, device.kind) == ("iphone12", "float16", "fitted")
    assert 0.096 <= device.band <= 0.11
    assert "fitted, not measured, ±10 %" in device.label


@pytest.mark.parametrize(
    ("name", "published_ms"),
    [
        ("efficientformerv2_s0", 0.9),
        ("efficientformerv2_s1", 1.1),
        ("efficientformerv2_s2", 1.6),
        ("efficientformerv2_l", 2.7),
    ],
)
def test_the_published_v2_networks_come_out_within_the_band(name: str, published_ms: float) -> None:
    pytest.importorskip("timm")
    device = load_device("iphone12")
    traced = network_trace(name)
    assert device.network_ms(traced.kernels) == pytest.approx(published_ms, rel=device.band)
    assert device.out_of_domain(traced) == []


def test_out_of_domain_says_why() -> None:
    pytest.importorskip("timm")
    device = load_device("iphone12")
    reasons = device.out_of_domain(network_trace("swin_tiny_patch4_window7_224"))
    assert any("'roll'" in reason for reason in reasons)
    assert any("'permute 6-D'" in reason for reason in reasons)
    tiny = device.out_of_domain(trace(nn.Conv2d(3, 8, 1), (1, 3, 10, 10)))
    assert any(reason.startswith("gmacs") for reason in tiny)
