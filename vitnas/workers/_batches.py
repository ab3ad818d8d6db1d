"""How many tasks are sent at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

TARGET_S = 2.0  # of work in a batch: calls cost little beside it, and a death loses little
MOST = 1024  # tasks in a batch
IN_FLIGHT = 2  # batches of a worker: it begins the second while the first travels back
SLACK = 3.0  # a batch may take this much longer than tasks usually do
WEIGHT = 0.3  # of the last batch in the mean


class Costs:
    """Seconds that a task of each function takes, as a moving mean."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def learn(self, function: str, seconds: Sequence[float]) -> None:
        """What the tasks of a batch took."""
        mean = sum(seconds) / len(seconds)
        self._means[function] = WEIGHT * mean + (1 - WEIGHT) * self._means.get(function, mean)

    def wanted(self, function: str) -> int:
        """Tasks that are ``TARGET_S`` of work; one as long as nothing is known."""
        mean = self._means.get(function)
        return 1 if mean is None else max(1, min(MOST, int(TARGET_S / max(mean, 1e-9))))

    def allowed_s(self, function: str, tasks: int, timeout_s: float) -> float:
        """How long a batch may take if one of its tasks takes all that it may, and the others as usual."""
        if tasks == 1:
            return timeout_s
        return min(tasks * timeout_s, timeout_s + SLACK * tasks * self._means.get(function, timeout_s))


def fair(wanted: int, waiting: int, size: int) -> int:
    """Tasks of a batch that leave as much for every other worker.

    Args:
        wanted: by cost.
        waiting: tasks that are queued or running.
        size: number of workers.
    """
    return max(1, min(wanted, math.ceil(waiting / (IN_FLIGHT * size))))
