"""Where work runs: in this process, in several, or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import os

from vitnas.errors import InvalidInput, import_extra, missing_extra
from vitnas.workers.pool import Failure, Workers
from vitnas.workers.processes import Processes, usable_cores
from vitnas.workers.serial import Serial
from vitnas.workers.settings import WorkerSettings

__all__ = [
    "Failure",
    "Processes",
    "Serial",
    "WorkerSettings",
    "Workers",
    "make_workers",
    "planned",
    "require_packages",
    "require_workers",
]


def require_packages(workers: int | WorkerSettings) -> None:
    """Whether what workers need is installed; no cluster is asked.

    Raises:
        MissingExtra: Ray is asked for, and not installed.
    """
    is_ray = isinstance(workers, WorkerSettings) and workers.ray is not None
    if is_ray and importlib.util.find_spec("ray") is None:
        raise missing_extra("ray", "ray")


def require_workers(workers: int | WorkerSettings) -> None:
    """Say what stands in the way of workers that are needed later.

    Raises:
        InvalidInput: no address.
        MissingExtra: Ray is asked for, and not installed.
        ClusterError: nobody answers at the cluster's address.
    """
    if isinstance(workers, int) or workers.ray is None:
        return
    os.environ.setdefault(
        "RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1"
    )  # which prints a stack when a run is ended
    import_extra("ray", "ray")
    from vitnas.workers import _ray_cluster

    _ray_cluster.require(workers)


def planned(workers: int | WorkerSettings) -> int:
    """How many processes there will be; of a cluster that is not asked, one where no number is given."""
    if isinstance(workers, int):
        return workers
    cores = 1 if workers.ray else usable_cores() / workers.cpus_per_worker
    return workers.number or max(1, int(cores))


def make_workers(workers: int | WorkerSettings) -> Workers:
    """Workers by their number on this machine, or by settings.

    The number 1 works in this process; settings always mean other processes, so that a candidate that
    crashes or hangs takes nothing with it. Processes start with the first task.

    Raises:
        InvalidInput: fewer than one.
        MissingExtra: Ray is asked for, and not installed.
        ClusterError: the Ray cluster cannot be used.
    """
    if isinstance(workers, int):
        if workers < 1:
            raise InvalidInput(f"`workers`: expected at least 1, got {workers}")
        return Serial() if workers == 1 else Processes(workers)
    if workers.ray is not None:
        require_workers(workers)
        from vitnas.workers.ray import RayWorkers

        return RayWorkers(workers)
    threads = workers.threads if workers.cpus_per_worker != 1 else None
    return Processes(planned(workers), threads=threads, timeout_s=workers.timeout_s)
