"""Joining a Ray cluster, or starting one on this machine; what goes wrong is said in one line."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import re
import socket
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError

from vitnas.errors import ClusterError, InvalidInput
from vitnas.workers._ray_actor import Actor, versions
from vitnas.workers.pool import environment
from vitnas.workers.processes import usable_cores
from vitnas.workers.settings import WorkerSettings

ANSWER_S = 5.0
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # and empty settings
OBJECT_STORE_BYTES = 256 * 1024**2  # tasks are small
AUTH_MODE = "RAY_AUTH_MODE"
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
PATIENCE = "RAY_gcs_server_port_wait_time_s"
_BEFORE: dict[str, str | None] = {"mode": None}  # what AUTH_MODE was before we joined
VERSIONS = r"Ray: (\S+)\s+Python: (\S+)"


def join(settings: WorkerSettings) -> bool:
    """Connect this process, unless it is connected.

    Returns:
        whether a connection was made, which :func:`leave` closes.

    Raises:
        InvalidInput: no address.
        ClusterError: nobody answers, or what answers has other versions.
    """
    require(settings)
    if ray.is_initialized():
        return False
    address = str(settings.ray)
    options: dict[str, Any] = {}
    if address == "local":
        cpus = usable_cores() if settings.number is None else settings.number * settings.cpus_per_worker
        options = {"num_cpus": math.ceil(cpus), "include_dashboard": False}
        options["object_store_memory"] = OBJECT_STORE_BYTES
    _hush()
    _BEFORE.update(mode=os.environ.get(AUTH_MODE))
    try:
        _connect(address, options)
    except Exception as error:
        _forget_token()
        raise ClusterError(_why(address, error)) from None
    return True


@contextlib.contextmanager
def joined(settings: WorkerSettings) -> Iterator[None]:
    """Connected while it lasts, see :func:`join`."""
    is_ours = join(settings)
    try:
        yield
    finally:
        if is_ours:
            leave()


def require(settings: WorkerSettings, *, answer_s: float = ANSWER_S) -> None:
    """Look whether the cluster is there, without joining it; its head has ``answer_s`` to answer.

    Raises:
        InvalidInput: no address.
        ClusterError: nobody answers.
    """
    address = str(settings.ray)
    if ray.is_initialized() or address == "local":
        return
    if address != "auto":
        _require_answer(*_host_and_port(address), answer_s)
        return
    services: Any = importlib.import_module("ray._private.services")
    if hasattr(services, "get_ray_address_from_environment"):
        try:
            services.get_ray_address_from_environment("auto", None)
        except Exception as error:
            raise ClusterError(_why(address, error)) from None


def _connect(address: str, options: Mapping[str, Any]) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    place = _on_loopback() if address == "local" else contextlib.nullcontext()
    # Ray itself tries for half a minute where its head answers, but does not let us in
    with place, environment({PATIENCE: os.environ.get(PATIENCE) or f"{ANSWER_S:.0f}"}):
        try:
            ray.init(address, **quiet, **options)
        except Exception:
            if address in ("local", "auto") or not _use_token():
                raise
            ray.init(address, **quiet, **options)


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """A cluster of this machine alone listens on 127.0.0.1, as Ray does by itself on Windows and macOS."""
    constants = importlib.import_module("ray._private.ray_constants")
    before = getattr(constants, "ENABLE_RAY_CLUSTER", None)  # None: a Ray that may have no such switch
    if before is None or LOOPBACK in os.environ:
        yield
        return
    with environment({LOOPBACK: "0"}):  # its processes ask for this, and ours has asked already
        constants.ENABLE_RAY_CLUSTER = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            constants.ENABLE_RAY_CLUSTER = before  # type: ignore[attr-defined]


def number_of_workers(settings: WorkerSettings) -> int:
    """As asked for, or as many as the cluster has room for.

    Raises:
        ClusterError: none has room.
    """
    if settings.number is not None:
        return settings.number
    totals: dict[str, float] = _call(ray.cluster_resources)
    shares = {"CPU": settings.cpus_per_worker, "GPU": settings.gpus_per_worker}
    rooms = [
        min(int(own.get(name, 0) / share + 1e-9) for name, share in shares.items() if share)
        for own in (node["Resources"] for node in _call(ray.nodes) if node["Alive"])
    ]
    if not sum(rooms):
        raise ClusterError(
            f"the cluster has {totals.get('CPU', 0):g} CPUs and {totals.get('GPU', 0):g} GPUs: no node has "
            f"room for a worker of {shares['CPU']:g} and {shares['GPU']:g} (`cpus_per_worker`, "
            "`gpus_per_worker`); give `workers` to wait for nodes that come later"
        )
    return sum(rooms)


def hire(settings: WorkerSettings, files: Any) -> Any:
    """An actor, which starts when the cluster has room."""
    options = {"num_cpus": settings.cpus_per_worker, "num_gpus": settings.gpus_per_worker}
    return ray.remote(Actor).options(max_restarts=0, **options).remote(files, settings.threads)


def check_versions(greeting: Mapping[str, str]) -> None:
    """Hold a worker's versions against ours; warns of another torch, or of other files of the same version.

    Raises:
        ClusterError: another vitnas; names both.
    """
    for what, ours in versions().items():
        theirs = greeting[what]
        problem = f"node {greeting['machine']} has {what} {theirs}, this machine {ours}"
        if theirs != ours and what == "vitnas":
            raise ClusterError(f"{problem}: install the same on all")
        if theirs != ours:
            warnings.warn(f"{problem}: scores may differ from those of one machine", stacklevel=2)


def _host_and_port(address: str) -> tuple[str, int]:
    if "://" in address:
        raise InvalidInput(
            f"`ray` {address}: a search would end with the client's connection; run vitnas on a node of the "
            "cluster with `ray` auto, or hand it in with 'ray job submit'"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InvalidInput(f"`ray` {address}: expected local, auto or an address such as 10.0.0.1:6379")
    return host, int(port)


def _require_answer(host: str, port: int, answer_s: float) -> None:
    """Ray itself would try for minutes. Its head speaks HTTP/2, and answers a greeting by one."""
    place = f"`ray` {host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=answer_s) as connection:
            connection.settimeout(answer_s)
            connection.sendall(GREETING)
            answer = connection.recv(9)
    except OSError as error:
        what = "nobody answers" if isinstance(error, TimeoutError) else (error.strerror or str(error))
        raise ClusterError(f"{place}: {what}; is the head running there ('ray status')?") from None
    if len(answer) < 4 or answer[3] != 4:  # the first frame of HTTP/2 is one of settings
        raise ClusterError(f"{place}: what answers there is no Ray cluster")


def _use_token() -> bool:
    """Take the token that is there (~/.ray/auth_token), as Ray does by itself only for ``auto``.

    Only after a refusal: a cluster that asks for none would drop whoever shows one. Says whether it helps to
    try again.
    """
    if os.environ.get(AUTH_MODE) is not None:
        return False
    with contextlib.suppress(ImportError, AttributeError):  # an older Ray has no tokens
        found = importlib.import_module("ray._private.authentication.authentication_token_setup")
        return bool(found.maybe_enable_token_auth_if_token_available(warn_if_disabled=False))
    return False


def _forget_token() -> None:
    """Ray switches tokens on for the whole process: the next cluster may ask for none."""
    if _BEFORE["mode"] is None and os.environ.pop(AUTH_MODE, None) is not None:
        with contextlib.suppress(ImportError, AttributeError):
            internals = importlib.import_module("ray._raylet")
            internals.Config.initialize("")
            internals.AuthenticationTokenLoader.instance().reset_cache()


def _hush() -> None:
    """Keep Ray's own log, which its files hold, from the terminal."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    printing: Any = importlib.import_module("ray._private.worker")
    if hasattr(printing, "print_to_stdstream"):  # of deaths that we tell of, on stdout, whatever is asked for
        printing.print_to_stdstream = lambda *_, **__: None


def _why(address: str, error: Exception) -> str:
    """An error of Ray's as one line."""
    text = " ".join(f"{error} {error.__cause__ or ''}".split())
    found = re.findall(VERSIONS, text)
    if "Version mismatch" in text and len(found) == 2:
        (ray_there, python_there), (ray_here, python_here) = found
        return (
            f"`ray` {address}: the cluster has Ray {ray_there} on Python {python_there}, this machine "
            f"Ray {ray_here} on Python {python_here}: they must be the same"
        )
    if "AuthToken" in text or "Failed to connect to Ray cluster" in text:
        return (
            f"`ray` {address}: the cluster does not let this machine in; if it asks for a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE as on its head"
        )
    if "Could not find any running Ray instance" in text:
        return "`ray` auto: no cluster runs on this machine; start one ('ray start --head'), or `ray` local"
    return f"`ray` {address}: {text[:300]}"


def check_start(error: RayError) -> None:
    """Look for what no other worker would do better.

    Raises:
        ClusterError: a node lacks a package.
    """
    text = str(error)
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        node = re.search(r"\bip[:=] ?([\d.:a-f]+)", text)
        where = f"node {node[1]}" if node else "a node"
        raise ClusterError(
            f"{where} has no package '{missing[1].split('.')[0]}': install vitnas {version('vitnas')} on "
            "every node, with the same extras"
        ) from None


def is_crash(error: RayError) -> bool:
    """Whether an actor's process ended, rather than its node, or the line to it."""
    return isinstance(error, ActorDiedError) and "worker process has died" in str(error)


def how(error: RayError) -> str:
    """How an actor's process ended, as far as Ray knows."""
    if "memory monitor" in str(error) or "low on memory" in str(error):
        return "Ray ended it: its node ran low on memory"
    return "its process ended: want of memory, or a crash"


def no_room(settings: WorkerSettings) -> str:
    """That nothing has started yet."""
    free: dict[str, float] = _call(ray.available_resources)
    return (
        f"no Ray worker has started yet: each asks for {settings.cpus_per_worker:g} CPUs and "
        f"{settings.gpus_per_worker:g} GPUs, and {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs "
        "are free; waiting"
    )


def leave() -> None:
    """Close the connection; ends a cluster that was started here."""
    with contextlib.suppress(Exception):
        ray.shutdown()
    _forget_token()


def _call(untyped: Any) -> Any:
    return untyped()
