"""The table of operators in docs/schema.md."""

from __future__ import annotations

import re
from pathlib import Path

import vitnas.ops
from vitnas.arch.operators import arguments

DOCUMENT = Path(__file__).parents[2] / "docs" / "schema.md"


def test_every_operator_stands_there_with_its_arguments_and_defaults() -> None:
    section = DOCUMENT.read_text().partition("## Operators")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    written = {row[0].strip(" `"): dict(re.findall(r"`(\w+): (\w+)`", row[3])) for row in rows}
    files = Path(vitnas.ops.__path__[0]).glob("[!_]*.py")
    expected = {
        path.stem: {name: shown(argument.default) for name, argument in arguments(path.stem).items()}
        for path in files
    }
    assert written == expected


def shown(value: object) -> str:
    """A default as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
