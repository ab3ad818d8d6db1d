"""Checkpoints that are there whole or not at all, and are read without pickled code."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from vitnas.store.disk import atomic_write_parts, reported


def save_checkpoint(file: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and lists by name.

    Raises:
        RunError: the disk refuses; what was there before still is.
    """
    encoded = io.BytesIO()
    torch.save(state, encoded)
    with reported(file, "write"):
        file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_parts(file, [encoded.getbuffer()])


def load_checkpoint(file: Path, device: torch.device) -> dict[str, Any] | None:
    """What was saved; None where nothing readable is, so that the training begins again."""
    try:
        state = torch.load(file, map_location=device, weights_only=True)
    except Exception:  # a broken file fails in many ways
        return None
    return state if isinstance(state, dict) else None
