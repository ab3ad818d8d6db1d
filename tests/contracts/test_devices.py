"""What every device must hold."""

from __future__ import annotations

import math

import pytest
import torch

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.cost.device import BYTES_OF_DTYPE, Device
from vitnas.cost.trace import trace
from vitnas.hardware.devices.profiled import ORIGINS
from vitnas.hardware.load import load_device
from vitnas.space.files import load_architecture

DEVICES = sorted(plugins.list_data("hardware_profiles"))


@pytest.fixture(params=DEVICES)
def device(request):
    return load_device(request.param)


@pytest.fixture(scope="module")
def kernels():
    with torch.device("meta"):
        network = build(load_architecture("efficientformer:s0"))
    return trace(network, (1, 3, 224, 224)).kernels


def test_is_a_device_and_says_where_its_figures_come_from(device):
    assert isinstance(device, Device)
    assert device.dtype in BYTES_OF_DTYPE
    assert ORIGINS[device.kind] in device.label
    if device.kind == "limits":
        assert device.metric == "none" and device.limits
    if device.kind == "fitted":
        assert math.isfinite(device.band) and device.band > 0


def test_prices_are_additive(device, kernels):
    if device.metric == "none":
        assert math.isnan(device.kernels_ms(kernels)) and math.isnan(device.base_ms())
        return
    half = len(kernels) // 2
    parts = device.kernels_ms(kernels[:half]) + device.kernels_ms(kernels[half:])
    assert parts == pytest.approx(device.kernels_ms(kernels), rel=1e-9)
    assert device.kernels_ms(()) == 0 and device.base_ms() >= 0


def test_equal_prices_have_equal_fingerprints(device, kernels):
    again = load_device(device.name)
    assert again.fingerprint == device.fingerprint
    assert again.kernels_ms(kernels) == pytest.approx(device.kernels_ms(kernels), rel=0, nan_ok=True)
