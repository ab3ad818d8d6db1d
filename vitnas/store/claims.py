"""Who holds a folder, on storage that several machines share: numbered files, the highest one holds.

A claim is a file that its creator makes exclusively (one wins, on NFS too), renews every few seconds, and
marks when it lets go. Nobody removes a claim that may be alive: who takes over creates the next number. How
old a sign of life is says the file server's clock, which stamps both the claim and a file written now.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import socket
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from vitnas.store import system


@dataclass(frozen=True)
class Holder:
    """A process that holds or held a folder.

    Attributes:
        token: of this one claim, unlike any other.
        pid: process number on its machine.
        started: when the process began, as its system says it; empty where it does not.
        machine: host, boot and space of process numbers: within one, ``pid`` means the same process.
        host: name of the machine.
        since: local time of the claim.
        beat: signs of life so far.
        released: it has let go.
    """

    token: str
    pid: int
    started: str
    machine: str
    host: str
    since: str
    beat: int = 0
    released: bool = False

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, so that the system can say whether it lives."""
        return self.machine == this_machine()

    @property
    def is_alive(self) -> bool:
        """Whether its process runs; only means something where ``is_here``."""
        return system.started(self.pid) == self.started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (since {self.since})"


@dataclass(frozen=True)
class Claim:
    """A numbered file, as it was read.

    Attributes:
        data: its bytes; different ones later are a sign of life.
        holder: None for a file that was not written completely.
        renewed: by the file server's clock, in seconds.
    """

    path: Path
    number: int
    data: bytes
    holder: Holder | None
    renewed: float

    @property
    def released(self) -> bool:
        """Whether its holder has let go."""
        return self.holder is not None and self.holder.released


def this_process() -> Holder:
    """A new claim of this process."""
    return Holder(
        token=uuid.uuid4().hex,
        pid=os.getpid(),
        started=system.started(os.getpid()) or "",
        machine=this_machine(),
        host=socket.gethostname(),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def latest(folder: Path, name: str) -> Claim | None:
    """The claim with the highest number; None if there is none.

    Raises:
        OSError: the folder cannot be read.
    """
    for number, path in sorted(_numbered(folder, name), reverse=True):
        with contextlib.suppress(FileNotFoundError):  # removed since by who has a higher one
            with path.open("rb") as file:  # opening asks a file server anew
                data = file.read()
                renewed = os.fstat(file.fileno()).st_mtime
            return Claim(path, number, data, _holder(data), renewed)
    return None


def create(folder: Path, name: str, number: int, holder: Holder) -> int | None:
    """Make a claim; its open file, or None if somebody else has this or a higher number.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / f"{name}.{number}"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
    except FileExistsError:
        return None
    try:
        renew(fd, holder)
        highest = max((other for other, _ in _numbered(folder, name)), default=0)
    except BaseException:
        discard(fd, path)
        raise
    if highest > number:  # what we judged free was taken, released and followed meanwhile
        discard(fd, path)
        return None
    for other, old in _numbered(folder, name):
        if other < number:
            with contextlib.suppress(OSError):
                old.unlink()
    return fd


def renew(fd: int, holder: Holder) -> None:
    """A sign of life, on the disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    data = json.dumps(dataclasses.asdict(holder)).encode().ljust(512)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, data)
    os.fsync(fd)


def discard(fd: int, path: Path) -> None:
    """Take back a claim that was not won."""
    os.close(fd)
    with contextlib.suppress(OSError):
        path.unlink()


def server_time(folder: Path) -> float:
    """What the clock of the folder's file server says now, in seconds.

    Raises:
        OSError: the folder cannot be written.
    """
    with tempfile.NamedTemporaryFile(prefix=".now-", dir=folder) as probe:
        probe.write(b"\n")
        probe.flush()
        os.fsync(probe.fileno())
        return os.fstat(probe.fileno()).st_mtime


def _numbered(folder: Path, name: str) -> list[tuple[int, Path]]:
    prefix = f"{name}."
    found = []
    for entry in os.listdir(folder):
        if entry.startswith(prefix) and entry[len(prefix) :].isdecimal():
            found.append((int(entry[len(prefix) :]), folder / entry))
    return found


def _holder(data: bytes) -> Holder | None:
    try:
        found = json.loads(data)
        return Holder(**{field.name: found[field.name] for field in dataclasses.fields(Holder)})
    except (ValueError, KeyError, TypeError):
        return None


@functools.cache
def this_machine() -> str:
    """Of containers with process numbers of their own each is a machine."""
    boot = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    numbers = ""
    with contextlib.suppress(OSError):
        numbers = os.readlink("/proc/self/ns/pid")
    return "/".join((socket.gethostname(), boot, numbers))
