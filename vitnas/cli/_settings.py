"""Settings in messages, as the options that a terminal knows them by: `trials` is --trials."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

from vitnas.errors import RunCorrupt

_QUOTED = re.compile(r"`([^`\n]+)`")
_GO_ON = re.compile(r"vitnas\.load_run\((.+)\)\.resume\(\)")
_known: dict[str, str] = {}  # setting -> option, of the commands that were loaded


def learn(command: Any) -> None:
    """Take in what a command and its subcommands call their settings."""
    for parameter in command.params:
        _known[str(parameter.name)] = option_of(parameter)
    for inner in getattr(command, "commands", {}).values():
        learn(inner)


def option_of(parameter: Any) -> str:
    """What is typed for a parameter: ``--trials``, or what stands for an argument in the help."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return next((str(flag) for flag in parameter.opts if flag.startswith("--")), str(parameter.opts[0]))


def in_options(text: str) -> str:
    """A message for a terminal: settings in backticks become options, going on with a run a command."""
    return _QUOTED.sub(lambda match: _typed(match[1]), text)


def _typed(code: str) -> str:
    if call := _GO_ON.fullmatch(code):
        run = str(ast.literal_eval(call[1]))
        return f"vitnas {_command_of(run)} --resume {shlex.quote(run)}"
    return _known.get(code, f"`{code}`")


def _command_of(run: str) -> str:
    """The command that wrote a run."""
    from vitnas.store.layout import layout_of

    manifest = Path(run) / "manifest.json"
    try:
        return layout_of(json.loads(manifest.read_text(encoding="utf-8")), manifest)[0]
    except (OSError, ValueError, RunCorrupt):
        return "search"
