"""One writer for each run folder, and for each measurement."""

from __future__ import annotations

from vitnas.lock.claims import Holder
from vitnas.lock.run_lock import NAME, RunLock, Timing, live_holder

__all__ = ["NAME", "Holder", "RunLock", "Timing", "live_holder"]
