"""A proxy as a quality: rates built networks, in standard deviations of some random ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from vitnas import plugins
from vitnas.quality.base import NOT_AN_ACCURACY, FitContext, Quality

if TYPE_CHECKING:
    from vitnas.quality.proxies._base import Proxy

NOTE = "at random initialisation nearly every proxy counts the network's shape: look at params and depth"


class ProxyQuality(Quality):
    """The score of an untrained network; proxies that are measured together share their passes.

    Args:
        name: of the proxy.

    Raises:
        UnknownName: no such proxy.
        InvalidInput: a plug-in that is no ``Proxy``.
    """

    rates = "networks"
    standardised = True
    notes = (NOTE,)

    def __init__(self, name: str) -> None:
        self.name = name
        self.proxy = load_proxy(name)
        self.higher_is_better = self.proxy.higher_is_better
        self.repeats = self.proxy.repeats

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """There is nothing to fit."""
        return cls(context.name)

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """The scale of its scores."""
        return f"{name}, in standard deviations of a random sample. {NOT_AN_ACCURACY}"

    def __reduce__(self) -> tuple[Any, ...]:
        """By name."""
        return type(self), (self.name,)


def load_proxy(name: str) -> type[Proxy]:
    """The class of a proxy.

    Raises:
        UnknownName: no such proxy.
        PluginError: it cannot be imported, is no ``Proxy``, or lacks the method that its ``needs`` ask for.
    """
    from vitnas.quality.proxies._base import Proxy

    found = plugins.load_class("proxy", name, Proxy)
    return plugins.load_class("proxy", name, Proxy, "measure" if found.needs == "network" else "score")
