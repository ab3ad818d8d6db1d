"""Which code may be imported by its path: what the user gave, or trusts; never what a document names alone.

A name stands for one of the user's own plug-ins, one of ours, or one of an installed package. A path may
stand in somebody's file as well, so it is only followed where the user has given it in this call (`ask`), or
has said that the documents of this call are trusted (`trusting`). docs/security.md says it for users.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from vitnas.errors import Untrusted

SUFFIX = ".py"


@dataclass
class _Call:
    """What the user has said for one command or call."""

    trust: bool
    asked: set[str] = field(default_factory=set)


_call: ContextVar[_Call | None] = ContextVar("vitnas_call", default=None)
_granted: set[str] = set()  # files that this process may import, or has: objects in hand stay usable
_obeys = False


def is_path(name: str) -> bool:
    """Whether a name of a plug-in is a file."""
    return name.endswith(SUFFIX)


def obey() -> None:
    """In a worker: the driver has decided."""
    global _obeys
    _obeys = True


@contextmanager
def trusting(trust: bool | None = True) -> Iterator[None]:
    """One call: whether paths in its documents may be imported; an outer call may have said yes."""
    outer = _call.get()
    inner = _Call(bool(trust) or (outer is not None and outer.trust), outer.asked if outer else set())
    token = _call.set(inner)
    try:
        yield
    finally:
        _call.reset(token)


@contextmanager
def in_hand() -> Iterator[None]:
    """While an object that this process has reads its own files: what was granted before is granted."""
    call = _call.get()
    token = _call.set(call if call is not None and call.trust else None)
    try:
        yield
    finally:
        _call.reset(token)


def ask(*names: str) -> None:
    """Note what the user has given for this call: those of the names that are paths, also in ``a+b``."""
    call = _call.get()
    for part in _paths(names):
        _granted.add(os.path.abspath(part))
        if call is not None:
            call.asked.add(os.path.abspath(part))


def require_granted(kind: str, folder: str, path: Path) -> None:
    """Check that a file may be imported.

    Args:
        kind: of the plug-in.
        folder: of the user's own plug-ins of this kind.
        path: as it was named.

    Raises:
        Untrusted: the user has neither given nor trusted it.
    """
    call, place = _call.get(), os.path.abspath(path)
    if not (_obeys or place in (_granted if call is None else call.asked) or (call and call.trust)):
        raise Untrusted(
            f"the {kind} '{path}' is a path to code, which does not run because a file names it: say `trust` "
            f"if you trust that file, or put your own plug-in into ./{folder} and name it '{path.stem}'"
        )
    _granted.add(place)
    if call is not None:
        call.asked.add(place)


def _paths(names: Iterable[str]) -> list[str]:
    return [part.strip() for name in names for part in name.split("+") if is_path(part.strip())]


def path_hashes(*names: str) -> dict[str, str]:
    """Path -> digest of its file, of those names that are paths; empty for a file that is not there."""
    from hashlib import sha256

    found = {path: Path(path) for path in dict.fromkeys(_paths(names))}
    return {k: sha256(file.read_bytes()).hexdigest() if file.is_file() else "" for k, file in found.items()}
