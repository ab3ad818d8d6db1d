"""The same command again: whether its settings are those that a run began with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas.errors import InvalidInput, RunError
from vitnas.store.folder import RunFolder

NAMES = {"time_s": "time", "sizes": "to"}  # of settings, where the keyword is another
FILE = "file "  # key of a digest, before the path
GROUPS = ("budgets", "settings")  # of settings, each with an option of its own


def require_same(
    kept: Mapping[str, Any], given: Mapping[str, Any], path: Path, *, changeable: Collection[str] = ()
) -> None:
    """Check that a command would begin the run that is there.

    Args:
        kept: the run's settings, as its manifest has them.
        given: the command's, in the same form.
        path: the run folder.
        changeable: keywords of settings that may differ.

    Raises:
        InvalidInput: names the first setting that differs, and both values.
    """
    ours, theirs = _flat(kept), _flat(given)
    for name in (*theirs, *(name for name in ours if name not in theirs)):
        if name in changeable or ours.get(name) == theirs.get(name):
            continue
        raise InvalidInput(
            f"{path}: the run has {_said(name, ours.get(name))}, this command "
            f"{_said(name, theirs.get(name))}: give the run's settings, or another folder to `resume`"
        )


def file_hashes(*names: str) -> dict[str, str]:
    """What a manifest keeps of plug-ins that were given by their paths; nothing of the other names."""
    return {FILE + path: digest for path, digest in plugins.path_hashes(*names).items()}


def require_same_files(folder: RunFolder) -> None:
    """Check that the plug-ins of a run that were given by their paths are what they were, before they run.

    Raises:
        RunError: one has changed or is gone.
    """
    kept = {k: v for k, v in folder.manifest.get("hashes", {}).items() if k.startswith(FILE)}
    for name in folder.changed(file_hashes(*(key.removeprefix(FILE) for key in kept))):
        path = name.removeprefix(FILE)
        raise RunError(f"{folder.path}: {path} is not the file that the run began with; restore it")


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword -> value, in the order of the settings; what is not set is left out."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        entries = value.items() if name in GROUPS and isinstance(value, Mapping) else [(name, value)]
        for key, entry in entries:
            plain = list(entry) if isinstance(entry, tuple) else entry
            if plain is not None and plain not in ([], {}):
                found[NAMES.get(key, key.replace("-", "_"))] = plain
    return found


def _said(name: str, value: Any) -> str:
    setting = f"`{name}`"
    if value is None:
        return f"no {setting}"
    if isinstance(value, Mapping):
        value = [f"{key}={own}" for key, own in value.items()]
    if isinstance(value, bool):
        return setting if value else f"{setting} switched off"
    return f"{setting} {','.join(map(str, value)) if isinstance(value, list) else value}"
