"""Texts of files on a Markdown page: shown as they stand, never read as HTML."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from vitnas.plain import printable

T = TypeVar("T")


def as_text(value: T) -> T:
    """A profile, a document or a text, with angle brackets and control characters of its texts shown."""
    found: Any = value
    if isinstance(value, str):
        found = printable(value).replace("&", "&amp;").replace("<", "&lt;") if _has_html(value) else value
    elif isinstance(value, Mapping):
        found = {as_text(key): as_text(inner) for key, inner in value.items()}
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        found = type(value)(as_text(inner) for inner in value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        found = dataclasses.replace(value, **{name: as_text(inner) for name, inner in kept.items()})
    return found  # type: ignore[no-any-return]


def _has_html(text: str) -> bool:
    return "<" in text or printable(text) != text
