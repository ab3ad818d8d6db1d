"""Scores of untrained networks, one file each."""

from __future__ import annotations

from vitnas.quality.proxies._base import Gradients, Proxy

__all__ = ["Gradients", "Proxy"]
