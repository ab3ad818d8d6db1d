"""How many workers there are, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vitnas.errors import InvalidInput


@dataclass(frozen=True)
class WorkerSettings:
    """Workers other than this process.

    Attributes:
        number: how many; None for one for each share of the cores (of the cluster's CPUs or GPUs on Ray).
        ray: None for processes on this machine; "local" for Ray on this machine, "auto" for the cluster that
            this machine belongs to, or a cluster's address (HOST:PORT).
        cpus_per_worker: CPUs of each; a fraction lets several share one.
        gpus_per_worker: GPUs of each, only on Ray; a fraction lets several share one.
        timeout_s: how long a candidate may take; None for as long as it likes.
        batch: tasks that are sent at once on Ray; None sizes it by what tasks cost.

    Raises:
        InvalidInput: a number out of range, or a setting that nothing would obey.
    """

    number: int | None = None
    ray: str | None = None
    cpus_per_worker: float = 1
    gpus_per_worker: float = 0
    timeout_s: float | None = None
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.number is not None and self.number < 1:
            raise InvalidInput(f"`workers`: expected at least 1, got {self.number}")
        if not (self.cpus_per_worker > 0 and math.isfinite(self.cpus_per_worker)):
            raise InvalidInput(f"`cpus_per_worker`: expected more than 0, got {self.cpus_per_worker:g}")
        if not (self.gpus_per_worker >= 0 and math.isfinite(self.gpus_per_worker)):
            raise InvalidInput(f"`gpus_per_worker`: expected at least 0, got {self.gpus_per_worker:g}")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise InvalidInput(f"`candidate_timeout`: expected more than 0 s, got {self.timeout_s:g} s")
        if self.batch is not None and self.batch < 1:
            raise InvalidInput(f"a batch has at least 1 task, got {self.batch}")
        if self.ray is None and self.gpus_per_worker:
            raise InvalidInput("`gpus_per_worker` needs `ray`, which hands out GPUs: add `ray` local")
        if self.ray is None and self.batch is not None:
            raise InvalidInput("a batch size is for Ray: processes take one task at a time")

    @property
    def threads(self) -> int:
        """Threads that each may use."""
        return max(1, int(self.cpus_per_worker))
