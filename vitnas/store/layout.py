"""Run folders of other versions: which layout a manifest says, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vitnas._version import __version__
from vitnas.errors import RunCorrupt, RunError, go_on
from vitnas.formats.fields import check_fields

LOGS = {"search": "evaluations.jsonl", "scale": "steps.jsonl"}
# what a search was fitted on, and what it has fitted
FITTED = re.compile(r"quality(-\d+)?\.json|reference_sample\.json|labels\.csv")
LAYOUTS = {"search": 3, "scale": 1}  # command -> what this vitnas writes and reads; up with every change


@dataclass(frozen=True)
class _Manifest:
    """What every command takes from a manifest."""

    state: str
    config: Mapping[str, Any]
    created: str
    seconds: float = 0.0
    hashes: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    rungs: tuple[Any, ...] = ()


def check_manifest(manifest: Mapping[str, Any], file: Path) -> None:
    """Check the entries that commands read.

    Raises:
        RunCorrupt: one is missing or of another type; names it.
    """
    names = {entry.name for entry in fields(_Manifest)} & manifest.keys()
    check_fields(_Manifest, {name: manifest[name] for name in names}, str(file), RunCorrupt)


def layout_text(command: str) -> int | str:
    """What a manifest says of its layout: a search writes a number, another command its name and a number."""
    number = LAYOUTS[command]
    return number if command == "search" else f"{command} {number}"


def layout_of(manifest: Any, file: Path) -> tuple[str, int]:
    """The command that wrote a run, and the number of its layout.

    Args:
        manifest: what ``manifest.json`` holds.
        file: where it was read, for the error.

    Raises:
        RunCorrupt: it says neither.
    """
    found = manifest.get("format") if isinstance(manifest, Mapping) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return "search", found
    command, _, number = found.partition(" ") if isinstance(found, str) else ("", "", "")
    if not number.isdecimal():
        raise RunCorrupt(f"{file}: is no manifest of a run: 'format' is missing or wrong ({found!r})")
    return command, int(number)


def require_layout(manifest: Any, file: Path, command: str) -> None:
    """Check that this vitnas can go on with a run.

    Args:
        manifest: what ``manifest.json`` holds.
        file: where it was read, for the error.
        command: that wants to go on.

    Raises:
        RunCorrupt: the manifest says no layout.
        RunError: it is another; says which vitnas wrote the run.
    """
    other, found = layout_of(manifest, file)
    number = LAYOUTS[command]
    if other != command:
        hint = f"go on with {go_on(file.parent)}" if other in LAYOUTS else "it is newer"
        raise RunError(f"{file}: a run of 'vitnas {other}', not of 'vitnas {command}': {hint}")
    if found == number:
        return
    versions = manifest.get("versions")
    wrote = versions.get("vitnas") if isinstance(versions, Mapping) else None
    writer = f"vitnas {wrote}" if wrote else "an unknown vitnas"
    ours = f"this is vitnas {__version__}, which reads {number}"
    if found > number:
        advice = "go on with the vitnas that wrote it, or a newer one"
        raise RunError(f"{file}: written by {writer} in a newer layout ({found}; {ours}): {advice}")
    advice = "go on with the vitnas that wrote it, or begin a new run"
    raise RunError(f"{file}: written by {writer} in an older layout ({found}; {ours}): {advice}")
