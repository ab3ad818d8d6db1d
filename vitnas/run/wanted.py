"""The qualities that a search and its rungs name, and what they need."""

from __future__ import annotations

from vitnas.quality.parse import QualityName, parse_quality
from vitnas.searching.config import SearchConfig
from vitnas.searching.rungs import OPTION


def qualities_of(config: SearchConfig) -> dict[str, QualityName]:
    """The qualities of the search and of its rungs, by the setting that names each.

    Raises:
        UnknownName: neither a quality nor a proxy; suggests the closest one.
        InvalidInput: parts that cannot be combined.
    """
    settings = {f"`quality` {config.quality}": config.quality}
    settings |= {f"{OPTION} {rung}": rung.quality for rung in config.rungs}
    return {where: parse_quality(text, config.combine, where=where) for where, text in settings.items()}


def who_needs(config: SearchConfig, what: str) -> str:
    """The first setting whose quality needs ``labels``, ``data`` or ``trainings``; empty if none does."""
    return next((where for where, quality in qualities_of(config).items() if quality.needs(what)), "")
