"""Our operators keep the contract of `vitnas.testing`."""

from __future__ import annotations

from typing import Any

import pytest

from vitnas import plugins
from vitnas.testing import OperatorContract


class TestOperators(OperatorContract):
    @pytest.fixture(autouse=True, params=sorted(plugins.list_plugins("operator")))
    def _each(self, request: Any) -> None:
        self.operator = request.param
