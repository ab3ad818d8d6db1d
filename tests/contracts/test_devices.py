"""Our devices keep the contract of `vitnas.testing`."""

from __future__ import annotations

from typing import Any

import pytest

from vitnas import plugins
from vitnas.testing import DeviceContract


class TestDevices(DeviceContract):
    @pytest.fixture(autouse=True, params=sorted(plugins.list_data("hardware_profiles")))
    def _each(self, request: Any) -> None:
        self.device = request.param
