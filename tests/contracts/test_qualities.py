"""Our qualities keep the contract of `vitnas.testing`."""

from __future__ import annotations

from typing import Any

import pytest

from vitnas import plugins
from vitnas.testing import QualityContract


class TestQualities(QualityContract):
    @pytest.fixture(autouse=True, params=sorted(plugins.list_plugins("quality")))
    def _each(self, request: Any) -> None:
        self.quality = request.param
