"""What a machine says of itself; standard library only, so that it runs where vitnas is not installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
SMI_S = 20


@dataclass
class Node:
    """A node of a cluster.

    Attributes:
        address: as the other nodes know it.
        is_here: whether it is this machine.
        cpus: that Ray hands out there.
        gpus: likewise.
        facts: as of `report`; empty where it gave no answer.
        problem: why it gave none.
    """

    address: str
    is_here: bool
    cpus: float
    gpus: float
    facts: dict[str, Any]
    problem: str = ""


def report(
    packages: tuple[str, ...], folder: str | None = None, token: str = "", smi: Sequence[str] = SMI
) -> dict[str, Any]:
    """Versions, cores, memory and GPUs of this machine, and what it sees of a folder.

    Args:
        packages: whose versions are wanted.
        folder: made by who asks, with a file ``token`` that holds ``token``, and a lock that it holds.
        token: unlike any other.
        smi: the command that lists GPUs.
    """
    gpus, driver_problem = _gpus(smi)
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "versions": {name: version_of(name) for name in packages},
        "source": source_of("vitnas"),
        "cores": _cores(),
        "memory": _memory(),
        "gpus": gpus,
        "gpu_problem": driver_problem or (_torch_problem() if gpus else ""),
        "folder": _folder(Path(folder), token) if folder is not None else None,
    }


def version_of(package: str) -> str | None:
    """Version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def source_of(package: str) -> str:
    """Of a package's files: a checkout may differ where the version does not."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    digest = hashlib.sha256()
    for place in spec.submodule_search_locations or ():
        for file in sorted(Path(place).rglob("*.py")):
            digest.update(f"{file.relative_to(place).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:8]


def _cores() -> float:
    """That this process may use: its affinity, and a container's share."""
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        return min(float(known), int(quota) / int(period))
    return float(known)


def _memory() -> dict[str, int | None]:
    """Bytes in all and free, of the machine or of a container."""
    lines = _text("/proc/meminfo").splitlines()
    known = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    total, free = known.get("MemTotal"), known.get("MemAvailable")
    limit, used = _text("/sys/fs/cgroup/memory.max"), _text("/sys/fs/cgroup/memory.current")
    if limit.isdecimal() and used.isdecimal() and (total is None or int(limit) < total):
        total, free = int(limit), max(0, int(limit) - int(used))
    return {"total_bytes": total, "free_bytes": free}


def _gpus(command: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Name and MiB of each, as the driver lists them; and why it does not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SMI_S, check=False)
    except FileNotFoundError:
        return [], ""
    except (OSError, subprocess.TimeoutExpired) as problem:
        return [], f"nvidia-smi does not answer: {problem}"
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        return [], f"nvidia-smi fails: {said[0] if said else done.returncode}"
    rows = [line.rpartition(",") for line in done.stdout.splitlines() if line.strip()]
    return [{"name": name.strip(), "memory_mib": size.strip()} for name, _, size in rows], ""


def _torch_problem() -> str:
    """Why torch cannot use the GPUs that are there."""
    try:
        import torch
    except ImportError:
        return ""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA"
    return "" if torch.cuda.is_available() else f"torch {torch.__version__} cannot use them (driver too old?)"


def _folder(folder: Path, token: str) -> dict[str, Any]:
    """Whether it is the asker's folder; whether it may be written; whether the asker's lock is seen."""
    try:
        shared = (folder / "token").read_text() == token
    except OSError:
        return {"shared": False, "writable": False, "locked": None, "problem": ""}
    problem = ""
    try:
        with (folder / f"from-{socket.gethostname()}-{os.getpid()}").open("w") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        problem = error.strerror or str(error)
    return {
        "shared": shared,
        "writable": not problem,
        "locked": _is_locked(folder / ".lock"),
        "problem": problem,
    }


def _is_locked(file: Path) -> bool | None:
    """Whether the system's lock of the asker is seen here; None where that cannot be said."""
    try:
        import fcntl

        with file.open("r+b") as opened:
            fcntl.flock(opened.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return None
    return False


def _text(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""
