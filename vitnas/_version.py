"""The version of this package; a room of its own so that every room may name it."""

from __future__ import annotations

__version__ = "0.1.0"
