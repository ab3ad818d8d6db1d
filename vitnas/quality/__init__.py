"""What a search maximises; `Quality` is the base class of plug-ins."""

from __future__ import annotations

from vitnas.quality.base import FitContext, Quality

__all__ = ["FitContext", "Quality"]
