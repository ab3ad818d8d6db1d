from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from vitnas.hardware.devices.fitted_device import FittedDevice
from vitnas.hardware.devices.measured import MeasuredDevice
from vitnas.hardware.devices.profiled import ProfiledDevice
from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.block_table import BlockTable
from vitnas.hardware.profile.profile_fields import Calibration, Prediction

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def make_device() -> Make:
    """``make_device(name, metric=, batch=, dtype=, table=, limits=, slower=)``: iphone12 with changes."""
    phone = load_device("iphone12").profile

    def make(
        name: str,
        *,
        metric: str = "latency",
        batch: int = 1,
        dtype: str = "float16",
        table: BlockTable | None = None,
        limits: dict[str, float] | None = None,
        slower: float = 1.0,
    ) -> ProfiledDevice:
        profile = replace(
            phone,
            metric=metric,
            limits=limits or {},
            conditions=replace(phone.conditions, batch=batch, dtype=dtype),
            coefficients={key: slower * value for key, value in phone.coefficients.items()},
        )
        if metric == "none":
            return ProfiledDevice(replace(profile, kind="limits"), name)
        if table is None:
            return FittedDevice(profile, name)
        calibrated = replace(
            profile,
            kind="measured",
            calibration=Calibration(0.25, 1.5, 20),
            prediction=Prediction({"conv_ffn": 2.0}, 0.08, 0.3),
        )
        return MeasuredDevice(calibrated, table, name)

    return make
