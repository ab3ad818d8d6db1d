"""Our proxies keep the contract of `vitnas.testing`, all measured at once."""

from __future__ import annotations

from typing import Any

import pytest

from vitnas import plugins
from vitnas.testing import ProxyContract

PROXIES = sorted(plugins.list_plugins("proxy"))


class TestProxies(ProxyContract):
    beside = PROXIES

    @pytest.fixture(autouse=True, params=PROXIES)
    def _each(self, request: Any) -> None:
        self.proxy = request.param
