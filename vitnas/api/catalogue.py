"""What there is, by name: spaces, devices, operators, strategies, proxies, qualities."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from vitnas import plugins
from vitnas.api.inputs import text


def list_spaces(pattern: str = "*") -> list[str]:
    """Search spaces, the user's ``./search_spaces`` among them: ``list_spaces("*former*")``."""
    return _matching(plugins.list_data("search_spaces"), pattern)


def list_devices(pattern: str = "*") -> list[str]:
    """Devices that latencies are known for, the user's ``./hardware_profiles`` among them."""
    return _matching(plugins.list_data("hardware_profiles"), pattern)


def list_operators(pattern: str = "*") -> list[str]:
    """Operators that spaces are made of, the user's ``./ops`` among them."""
    return _matching(plugins.list_plugins("operator"), pattern)


def list_strategies(pattern: str = "*") -> list[str]:
    """Search strategies, the user's ``./strategies`` among them."""
    return _matching(plugins.list_plugins("strategy"), pattern)


def list_proxies(pattern: str = "*") -> list[str]:
    """Training-free scores, the user's ``./proxies`` among them."""
    return _matching(plugins.list_plugins("proxy"), pattern)


def list_qualities(pattern: str = "*") -> list[str]:
    """What a search can maximise, the user's ``./qualities`` and all proxies included; several as ``A+B``."""
    return _matching({**plugins.list_plugins("quality"), **plugins.list_plugins("proxy")}, pattern)


def _matching(names: Iterable[str], pattern: str) -> list[str]:
    """Names in their order that a shell's pattern matches, whatever the case."""
    wanted = text("pattern", pattern).lower()
    return [name for name in sorted(names) if fnmatch.fnmatchcase(name.lower(), wanted)]
