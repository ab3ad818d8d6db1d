from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vitnas.cli import _common

HEADERS = ("name", "figure", "what it is")
ROWS = [("a", "1.5", "short"), ("longer", "12.25", "a text of many words that " * 6)]


def test_a_table_is_aligned() -> None:
    lines = _common.table_lines(HEADERS, ROWS[:1], right={"figure"}, width=80)
    assert lines == ["name  figure  what it is", "a        1.5  short"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_fits_its_width_and_loses_nothing(width: int) -> None:
    lines = _common.table_lines(HEADERS, ROWS, right={"figure"}, width=width)
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).count("many words") == 6 or width < 80
    words = [word for line in lines[2:] for word in line.split()]
    assert sorted(words) == sorted(" ".join(ROWS[1]).split())


def test_a_word_that_is_too_long_is_broken() -> None:
    lines = _common.table_lines(("a", "b"), [("x" * 100, "y")], width=40)
    assert max(map(len, lines)) <= 40
    assert "".join(lines).count("x") == 100


def test_a_table_without_rows_is_its_headers() -> None:
    assert _common.table_lines(("a", "b"), [], width=80) == ["a  b"]


def test_tables_in_a_pipe_have_80_columns_whatever_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _common.print_table(HEADERS, ROWS, indent=4)
    lines = capsys.readouterr().out.splitlines()
    assert 70 < max(map(len, lines)) <= 80
    assert all(line.startswith("    ") for line in lines)
    assert "\x1b" not in "".join(lines)


def test_json_has_only_what_json_knows(capsys: pytest.CaptureFixture[str]) -> None:
    data = {
        "nan": float("nan"), "infinite": [np.float32("inf"), 1.5], "array": np.arange(3, dtype=np.uint8),
        "scalar": np.int64(4), "path": Path("a/b"), "tuple": (True, None, "x"), "large": 10**30, 5: "key",
    }  # fmt: skip
    _common.print_json(data)
    assert json.loads(capsys.readouterr().out) == {
        "nan": None, "infinite": [None, 1.5], "array": [0, 1, 2],
        "scalar": 4, "path": "a/b", "tuple": [True, None, "x"], "large": 10**30, "5": "key",
    }  # fmt: skip


def test_a_console_in_a_pipe_writes_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    _common.console().print("[bold]text[/bold] " * 30)
    out = capsys.readouterr().out
    assert out.split() == ["[bold]text[/bold]"] * 30  # texts may come from files
    assert out.count("\n") == 1
