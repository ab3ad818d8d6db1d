"""Names that become a part of a path (spaces, networks, devices, runs, families), and others."""

from __future__ import annotations

import re
from typing import Any

from vitnas.errors import InvalidInput

LONGEST = 100
LONGEST_OF_NETWORK = 200  # a space's name, and an id or a size
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # files of Windows
TITLE = f"printable, at most {LONGEST} characters, no comma, semicolon or quote, not beginning with = + - @"
RULE = f"letters, digits, '.', '_' and '-', no dot at either end, at most {LONGEST} characters"


def check_name(
    name: Any, where: str = "", error: type[InvalidInput] = InvalidInput, *, longest: int = LONGEST
) -> str:
    """A name that every file system takes as one part of a path, and every terminal as text.

    Args:
        name: as it was read.
        where: what stands before the problem, such as a setting in backticks.
        error: to raise.

    Raises:
        InvalidInput: (or ``error``) it is none.
    """
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name) <= longest and name[-1] != ".":
        if not _DEVICES.fullmatch(name):
            return name
        raise error(
            f"{where}{': ' if where else ''}'{name}' is the name of a device on Windows: take another"
        )
    raise error(f"{where}{': ' if where else ''}{_shown(name)} is no name ({RULE})")


def check_title(name: Any, where: str) -> str:
    """A name that stands in tables and databases, and in no path: of a column, or of a study.

    Raises:
        InvalidInput: it is blank, too long, has what no terminal or table takes, or begins like a formula.
    """
    is_text = (
        isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST and name == name.strip()
    )
    if not is_text or set(name) & set(',;"') or name[0] in "=+-@":
        raise InvalidInput(f"{where}: {name!r:.{LONGEST}} is no name ({TITLE})")
    return str(name)


def check_network_name(name: Any, where: str = "", error: type[InvalidInput] = InvalidInput) -> str:
    """A name, or ``SPACE:NAME`` of a published network.

    Raises:
        InvalidInput: (or ``error``) it is none.
    """
    for part in name.split(":", 1) if isinstance(name, str) else [name]:
        check_name(part, where, error, longest=LONGEST_OF_NETWORK)
    return str(name)


def as_name(text: str) -> str:
    """A name that is like a text, such as the stem of a user's file: ``my net:1`` -> ``my-net-1``."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:LONGEST].strip("-.")
    return f"_{found}" if not found or _DEVICES.fullmatch(found) else found


def _shown(name: Any) -> str:
    text = repr(name) if not isinstance(name, str) else f"'{name}'"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
