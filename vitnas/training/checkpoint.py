"""Checkpoints that are there whole or not at all, and are read without pickled code."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch

from vitnas.errors import RunError


def save_checkpoint(file: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and lists by name.

    Raises:
        RunError: the disk refuses; what was there before still is.
    """
    encoded = io.BytesIO()
    torch.save(state, encoded)
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            out.write(encoded.getbuffer())
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)
    except OSError as problem:
        raise RunError(f"{file}: cannot be written: {problem.strerror or problem}") from None


def load_checkpoint(file: Path, device: torch.device) -> dict[str, Any] | None:
    """What was saved; None where nothing readable is, so that the training begins again."""
    try:
        state = torch.load(file, map_location=device, weights_only=True)
    except Exception:  # a broken file fails in many ways
        return None
    return state if isinstance(state, dict) else None
