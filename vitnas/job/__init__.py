"""The main jobs, put together from all the parts: search, resume, dry run, score."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitnas.job.preview import dry_run
    from vitnas.job.scoring import score
    from vitnas.job.search import resume_search, run_search

__all__ = ["dry_run", "resume_search", "run_search", "score"]

_HOMES = {
    "dry_run": "vitnas.job.preview",
    "resume_search": "vitnas.job.search",
    "run_search": "vitnas.job.search",
    "score": "vitnas.job.scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
