"""No circles between rooms or modules; folders, files and functions stay small, and have types."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(ROOT / "benchmarks"))
    code: Any = importlib.import_module("_house_code")
    graph: Any = importlib.import_module("_house_graph")


@pytest.fixture(scope="module")
def sources() -> Any:
    return code.program(code.read(ROOT / "vitnas"))


def test_no_circle_between_rooms(sources):
    assert graph.circles(graph.room_graph(sources)) == []


def test_no_circle_between_modules(sources):
    assert graph.circles(graph.module_graph(sources)) == []


def test_no_folder_is_full(sources):
    assert {name for name, count in code.folders(sources).items() if count > code.FULL_FOLDER} == set()


def test_no_file_is_long(sources):
    assert code.long_files(sources) == []


def test_no_function_is_long(sources):
    long = {name for name, function in code.functions(sources) if code.length(function) > code.LONG_FUNCTION}
    assert long == set()


def test_everything_is_annotated(sources):
    assert code.annotated(code.functions(sources), code.methods(sources)) == (1.0, 1.0)
