"""The rules by which benchmarks/house.py counts, on small sources."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(BENCHMARKS))
    code: Any = importlib.import_module("_house_code")
    graph: Any = importlib.import_module("_house_graph")
    quality: Any = importlib.import_module("_house_quality")


def sources(texts: dict[str, str]) -> list[Any]:
    return [code.Source(f"{name}.py", text) for name, text in texts.items()]


def test_lengths_are_without_decorator_and_docstring():
    text = '@wrap\ndef f(x):\n    """One.\n\n    More.\n    """\n    def g(): pass\n    return x\n'
    found = code.functions(sources({"a": text}))
    assert [(name, code.length(function)) for name, function in found] == [("a.py:f", 3), ("a.py:g", 1)]


def test_a_methods_first_argument_needs_no_type():
    text = "class A:\n    def f(self, x: int, *rest) -> None: ...\n    @staticmethod\n    def g(x): ...\n"
    found = sources({"a": text})
    arguments, returns = code.annotated(code.functions(found), code.methods(found))
    assert (arguments, returns) == (1 / 3, 1 / 2)


def test_parts_that_are_new_are_counted_apart():
    found = sources({"api": "1\n", "testing/deep/a": "1\n2\n", "search/api": "1\n", "testing_more": "1\n"})
    assert code.lines_apart(found) == {"API": 1, "testing": 2, "templates of `vitnas new`": 0}


def test_folders_leave_out_init_and_plugins():
    found = sources({"run/a": "", "run/b": "", "run/__init__": "", "ops/a": ""})
    assert code.folders(found) == {"run": 2}


def test_names_that_stand_in_two_folders():
    found = sources({"run/a": "", "scale/a": "", "scale/_b": "", "store/b": ""})
    assert list(code.shared_stems(found)) == ["a"]
    assert list(code.shared_stems(found, "_")) == ["a", "b"]


def test_constants_that_tests_replace():
    text = 'monkeypatch.setattr(rating, "SAMPLE", 2)\nmonkeypatch.setattr("a.b.ROWS", 2)\n'
    text += 'monkeypatch.setattr(rating, "rate", f)\nrating.OTHER = 3\n'
    text += 'PROGRAM = "{} x\\nx.MORE = 1"\n'.format("import")  # or this file would be counted
    found = sources({"a": text})
    assert [name for _, name in code.constants_replaced(found)] == ["SAMPLE", "ROWS"]
    assert [name for _, name in code.constants_assigned(found)] == ["OTHER", "MORE"]
    assert len(list(code.setattr_calls(found))) == 3


def test_circles_are_seen_through_lazy_imports():
    found = sources(
        {
            "a/x": "from vitnas.b import y\n",
            "b/y": "def f():\n    from ..c.z import g\n",
            "c/z": "if TYPE_CHECKING:\n    import vitnas.a.x\n",
            "d": "from vitnas.a.x import name\n",
            "cli/all": "import vitnas.d\n",
        }
    )
    assert graph.circles(graph.module_graph(found)) == [["vitnas.a.x", "vitnas.b.y", "vitnas.c.z"]]
    assert graph.circles(graph.room_graph(found)) == [["a", "b", "c"]]
    assert graph.room_graph(found)["d"] == {"a"}


def test_imports_against_the_order(tmp_path):
    (tmp_path / "tests").mkdir()
    table = 'LOW = {"a"}\nMAY_IMPORT = {"a": set(), "b": {*LOW}}\n'
    table += 'def test(path):\n    allowed = MAY_IMPORT[here] | {here, "errors"}\n'
    (tmp_path / "tests/test_import_direction.py").write_text(table)
    low = "from vitnas import __version__\nfrom vitnas import b\nimport vitnas.errors\n"
    high = "from vitnas.a.x import f\nimport vitnas.cli.main\n"
    found = sources({"a/x": low, "b/y": high, "errors": "", "cli/main": ""})
    assert graph.upward(found, tmp_path) == ["a/x.py -> b", "a/x.py -> vitnas", "b/y.py -> cli"]


def test_files_that_ask_for_a_kind_of_quality():
    found = sources(
        {
            "run/a": "from vitnas.quality.trained import TRAIN\n",
            "run/b": "from vitnas.quality.fitted import Ridge\nisinstance(x, Ridge)\n",
            "run/c": 'if name in ("naswot", "other"): pass\n',
            "run/d": 'if device.kind == "fitted" or name == "params": pass\n',
            "quality/proxies/naswot": "",
            "quality/base": "TRAIN = 1\n",
        }
    )
    assert quality.special_cases(found) == {
        "run/a.py": ["TRAIN"],
        "run/b.py": ["isinstance Ridge"],
        "run/c.py": ["== naswot"],
    }


def test_the_table_of_the_checkout_is_read():
    allowed = graph.allowed_rooms(BENCHMARKS.parent, ["arch", "space"])
    assert {"arch", "errors"} <= allowed["space"]
    assert "space" not in allowed["arch"]
