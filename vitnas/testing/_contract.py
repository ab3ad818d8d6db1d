"""What all contracts share."""

from __future__ import annotations

from typing import Any

from vitnas import plugins


class Contract:
    """Tests of one plug-in; a file that a subclass names is its author's own code."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        plugins.ask(*(name for kind in plugins.KINDS if isinstance(name := vars(cls).get(kind), str)))
