"""Options that say who builds and runs networks, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas.errors import InvalidInput
from vitnas.units import parse_duration

if TYPE_CHECKING:
    from vitnas.workers import WorkerSettings

WORKER_OPTIONS = ("workers", "ray", "cpus_per_worker", "gpus_per_worker", "candidate_timeout")


def _option(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel="Workers", show_default=False)


Workers = Annotated[
    int | None,
    _option(
        "NUMBER",
        "Processes, or actors of a Ray cluster, that run networks; results do not depend on it "
        "[default: one for each share of the cores].",
    ),
]
OneWorker = Annotated[
    int | None,
    _option(
        "NUMBER",
        "Processes, or actors of a Ray cluster; scores do not depend on it [default: 1, or the whole "
        "cluster].",
    ),
]
Ray = Annotated[
    str | None,
    _option(
        "WHERE",
        "Run networks on Ray: local (this machine), auto (the cluster that this machine belongs to) or "
        "HOST:PORT of a cluster's head.",
    ),
]
CpusPerWorker = Annotated[
    float | None,
    _option(
        "NUMBER",
        "CPUs of a worker; 0.5 lets two share one. Proxies compute on one thread whatever this says, so "
        "that equal seeds give equal scores [default: 1].",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    _option("NUMBER", "GPUs of a worker on Ray; 0.25 lets four share one [default: 0]."),
]
CandidateTimeout = Annotated[
    str | None,
    _option(
        "TIME",
        "A network that takes longer is ended and recorded as failed: 30s, 5m [default: none is ended].",
    ),
]


def worker_settings(ctx: typer.Context, *, default: int | None = None) -> WorkerSettings:
    """What the command's options say.

    Args:
        ctx: of the command.
        default: number of processes; None for one for each share of the cores.

    Raises:
        InvalidInput: a number out of range, or a setting that nothing would obey.
    """
    from vitnas.workers import WorkerSettings

    given = ctx.params
    timeout, cpus, gpus = (
        given[name] for name in ("candidate_timeout", "cpus_per_worker", "gpus_per_worker")
    )
    if given["ray"] is not None and str(given.get("device")).startswith("cuda") and not gpus:
        raise InvalidInput("--device cuda on Ray needs --gpus-per-worker: actors see only the GPUs they own")
    return WorkerSettings(
        number=default if given["workers"] is None and given["ray"] is None else given["workers"],
        ray=given["ray"],
        cpus_per_worker=1 if cpus is None else cpus,
        gpus_per_worker=gpus or 0,
        timeout_s=None if timeout is None else parse_duration(timeout, "--candidate-timeout"),
    )


def any_given(ctx: typer.Context) -> bool:
    """Whether one of these options was given."""
    return any(ctx.params[name] is not None for name in WORKER_OPTIONS)
