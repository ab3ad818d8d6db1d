"""Messages speak of settings, as `trials`; that the command line calls them --trials is said there alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vitnas"
OPTION = re.compile(r"(?<![\w-])--[a-z]")
OF_OTHERS = {  # options of other programs, and of scripts that leave the package
    "doctor/diagnose.py": ("ray start", "--num-cpus"),
    "workers/node_report.py": ("--query-gpu", "--format"),
    "workers/_ray_cluster.py": ("ray start",),
}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is no docstring; what is filled in is an x."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            parts = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def files() -> list[Path]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in found if path.parts[0] != "cli" and "templates" not in path.parts)


@pytest.mark.parametrize("path", files(), ids=str)
def test_no_message_names_an_option(path: Path) -> None:
    ours = [
        f"{path}:{line}: {text}"
        for line, text in texts(PACKAGE / path)
        if OPTION.search(text) and not any(word in text for word in OF_OTHERS.get(path.as_posix(), ()))
    ]
    assert not ours, f"name settings in backticks, as `trials`: {ours}"
