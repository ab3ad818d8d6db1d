"""The same command again: whether its settings are those that a run began with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vitnas.errors import InvalidInput

# a setting's option, where it is not called alike
OPTIONS = {
    "objectives": "--objective",
    "time_s": "--time",
    "file": "FILE",
    "sizes": "--to",
    "proxies": "--proxy",
    "strategy_options": "--strategy-option",
}
GROUPS = ("budgets", "settings")  # of settings, each with an option of its own


def require_same(
    kept: Mapping[str, Any], given: Mapping[str, Any], path: Path, *, changeable: Collection[str] = ()
) -> None:
    """Check that a command would begin the run that is there.

    Args:
        kept: the run's settings, as its manifest has them.
        given: the command's, in the same form.
        path: the run folder.
        changeable: settings that may differ.

    Raises:
        InvalidInput: names the first setting that differs, and both values.
    """
    ours, theirs = _flat(kept), _flat(given)
    for option in (*theirs, *(name for name in ours if name not in theirs)):
        if option in changeable or ours.get(option) == theirs.get(option):
            continue
        raise InvalidInput(
            f"{path}: the run has {_said(option, ours.get(option))}, this command "
            f"{_said(option, theirs.get(option))}: give the run's settings, or another folder to --resume"
        )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Option -> value, in the order of the settings; what is not set is left out."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        entries = value.items() if name in GROUPS and isinstance(value, Mapping) else [(name, value)]
        for key, entry in entries:
            plain = list(entry) if isinstance(entry, tuple) else entry
            if plain is not None and plain not in ([], {}):
                found[OPTIONS.get(key, "--" + key.replace("_", "-"))] = plain
    return found


def _said(option: str, value: Any) -> str:
    if value is None:
        return f"no {option}"
    if isinstance(value, Mapping):
        value = [f"{name}={own}" for name, own in value.items()]
    if isinstance(value, bool):
        return option if value else f"{option} switched off"
    return f"{option} {','.join(map(str, value)) if isinstance(value, list) else value}"
