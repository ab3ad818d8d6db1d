"""``examples/notebook.ipynb``: every cell runs, in order, and what it shows is what a notebook can show."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def cells() -> list[str]:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def run_cell(text: str, names: dict[str, Any]) -> Any:
    """Run a cell as a kernel does; returns the value of its last line, if that is an expression."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last is not None else None


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = [run_cell(text, names) for text in cells()]
    assert len(names["run"].front) >= 3
    assert names["losses"][-1] < 0.7 * names["losses"][0]
    assert (tmp_path / "best.onnx").stat().st_size > 10_000
    tables = [value for value in shown if hasattr(value, "_repr_html_")]
    assert len(tables) >= 3  # the run, the data frame, the price
    assert all("<table" in table._repr_html_() or "<pre" in table._repr_html_() for table in tables)


def test_the_notebook_is_stored_without_outputs() -> None:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in document["cells"])
