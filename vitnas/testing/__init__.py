"""Contracts of all kinds of plug-ins: what ours keep, and yours should.

Subclass one and run it with pytest; ``vitnas check FILE`` runs the same without it::

    import vitnas.testing

    class TestMyBlock(vitnas.testing.OperatorContract):
        operator = "./ops/my_block.py"

A contract's methods are its tests. Its attributes say what is tested and with what; set them in the subclass.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitnas.testing.device_contract import DeviceContract
    from vitnas.testing.operator_contract import OperatorContract
    from vitnas.testing.proxy_contract import ProxyContract
    from vitnas.testing.quality_contract import QualityContract
    from vitnas.testing.space_contract import SpaceContract
    from vitnas.testing.strategy_contract import StrategyContract

KINDS = ("operator", "space", "device", "proxy", "quality", "strategy")

__all__ = [
    "DeviceContract",
    "OperatorContract",
    "ProxyContract",
    "QualityContract",
    "SpaceContract",
    "StrategyContract",
]


def contract_of(kind: str) -> type[Any]:
    """The contract of a kind; its attribute of that name says which plug-in is tested."""
    return __getattr__(f"{kind.capitalize()}Contract")  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'vitnas.testing' has no attribute '{name}'")
    kind = name.removesuffix("Contract").lower()
    return getattr(importlib.import_module(f"vitnas.testing.{kind}_contract"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
