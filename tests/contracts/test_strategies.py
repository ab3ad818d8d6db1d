"""Our strategies keep the contract of `vitnas.testing`."""

from __future__ import annotations

from typing import Any

import pytest

from vitnas import plugins
from vitnas.testing import StrategyContract


class TestStrategies(StrategyContract):
    @pytest.fixture(autouse=True, params=sorted(plugins.list_plugins("strategy")))
    def _each(self, request: Any) -> None:
        self.strategy = request.param
        if request.param == "optuna-gp":  # takes most of a second for a proposal
            self.trials = 13


@pytest.mark.parametrize("name", sorted(plugins.list_plugins("strategy")))
def test_only_samplers_of_optuna_are_replayed(name: str) -> None:
    contract = StrategyContract()
    contract.strategy = name
    assert (contract.make().state() is None) == name.startswith("optuna-")
