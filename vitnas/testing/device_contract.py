"""What every device must hold."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from functools import cached_property
from unittest import SkipTest

import torch

from vitnas.arch.build import build
from vitnas.cost.device import BYTES_OF_DTYPE, Device
from vitnas.cost.kernels import Kernel
from vitnas.cost.trace import trace
from vitnas.hardware.devices.profiled import ORIGINS
from vitnas.hardware.load_device import ProfiledDevice, load_device
from vitnas.space.files import load_architecture


class DeviceContract:
    """A device says where its figures come from, and its prices add up.

    Attributes:
        device: name or file.
        network: whose kernels are priced.
    """

    device: str
    network: str = "efficientformer:s0"

    @cached_property
    def loaded(self) -> ProfiledDevice:
        """The device."""
        return load_device(self.device)

    @property
    def kernels(self) -> Sequence[Kernel]:
        """The kernels of the network."""
        return _kernels(self.network)

    def test_can_be_loaded(self) -> None:
        """Its file holds a profile, and its table if it has one."""
        assert isinstance(self.loaded, Device)

    def test_says_where_its_figures_come_from(self) -> None:
        """Its label stands beside every figure."""
        device = self.loaded
        assert device.dtype in BYTES_OF_DTYPE
        assert ORIGINS[device.kind] in device.label, f"its label '{device.label}' hides its kind"
        assert device.profile.source, "it has no source"
        if device.kind == "limits":
            assert device.metric == "none" and device.limits, "it prices nothing and limits nothing"
        if device.kind == "fitted":
            assert math.isfinite(device.band) and device.band > 0, (
                "it does not say how wrong it is: give 'error'"
            )

    def test_prices_are_additive(self) -> None:
        """Two halves of a network cost what the whole does; nothing costs less than no time."""
        device, kernels = self.loaded, self.kernels
        if device.metric == "none":
            assert math.isnan(device.kernels_ms(kernels)) and math.isnan(device.base_ms())
            raise SkipTest("it holds no times")
        half = len(kernels) // 2
        parts, whole = (
            device.kernels_ms(kernels[:half]) + device.kernels_ms(kernels[half:]),
            device.kernels_ms(kernels),
        )
        assert math.isclose(parts, whole, rel_tol=1e-9), f"two halves take {parts} ms, the whole {whole} ms"
        assert whole > 0, f"{self.network} takes {whole} ms"
        assert device.kernels_ms(()) == 0, "no kernels take time"
        assert device.base_ms() >= 0, f"a call takes {device.base_ms()} ms before it does anything"

    def test_equal_prices_have_equal_fingerprints(self) -> None:
        """What was priced once is found again in the cache."""
        again = load_device(self.device)
        assert again.fingerprint == self.loaded.fingerprint
        prices = [device.kernels_ms(self.kernels) for device in (again, self.loaded)]
        assert prices[0] == prices[1] or all(map(math.isnan, prices)), f"it prices one network as {prices} ms"


@functools.cache
def _kernels(network: str) -> Sequence[Kernel]:
    architecture = load_architecture(network)
    with torch.device("meta"):
        built = build(architecture)
    return trace(built, (1, *architecture.input_shape)).kernels
