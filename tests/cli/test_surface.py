"""The command line as others call it: every command, every option's names, metavar, default and kind.

After a change on purpose write the snapshot anew with ``python tests/cli/test_surface.py --update``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vitnas.cli.main import COMMANDS, command, load

SNAPSHOT = Path(__file__).with_name("surface.json")


def surface() -> dict[str, dict[str, str]]:
    """Command -> parameter -> what can be given there, in a line."""
    found = {"vitnas": {p.name: _about(p) for p in command().params if p.name != "help"}}
    for name in COMMANDS:
        _add(f"vitnas {name}", load(name), found)
    return found


def _add(name: str, command: Any, found: dict[str, dict[str, str]]) -> None:
    found[name] = {p.name: _about(p) for p in command.params if p.name != "help"}
    for inner, entry in getattr(command, "commands", {}).items():
        _add(f"{name} {inner}", entry, found)


def _about(parameter: Any) -> str:
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    flag = getattr(parameter, "is_flag", False)
    words = [names if parameter.param_type_name == "option" else "argument"]
    words += [] if flag else [parameter.metavar or "VALUE"]
    words += ["required"] if parameter.required else [f"[{parameter.default}]"]
    words += ["repeats"] if parameter.multiple or parameter.nargs != 1 else []
    return " ".join(words)


def test_the_surface_is_that_of_the_snapshot() -> None:
    known, now = json.loads(SNAPSHOT.read_text()), surface()
    assert list(known) == list(now)
    for name in known:
        assert now[name] == known[name], f"{name}: on purpose? {__doc__}"


if __name__ == "__main__" and "--update" in sys.argv:
    SNAPSHOT.write_text(json.dumps(surface(), indent=1) + "\n")
