"""Every example of docs/plugins.md keeps its contract, and works with the others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vitnas.ops
import vitnas.quality
import vitnas.quality.proxies
from vitnas.arch.operators import ROLES
from vitnas.testing import KINDS
from vitnas.testing.runner import kind_of, run_contract

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
PLUGINS = [file for file in EXAMPLES if not file.startswith("tests/")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folder with all examples in it."""
    monkeypatch.chdir(tmp_path)
    for file, text in EXAMPLES.items():
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(text)


def test_there_is_one_of_each_kind() -> None:
    assert [kind_of(file) for file in PLUGINS] == list(KINDS)


@pytest.mark.parametrize("file", PLUGINS)
def test_it_keeps_its_contract(file: str) -> None:
    failed = [check for check in run_contract(kind_of(file), file) if check.outcome == "failed"]
    assert not failed


def test_the_tests_of_an_author_run() -> None:
    (file,) = set(EXAMPLES) - set(PLUGINS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert re.search(r"^1\d passed", result.stdout.splitlines()[-1])


@pytest.mark.parametrize("room", [vitnas.ops, vitnas.quality, vitnas.quality.proxies])
def test_all_that_a_room_offers_is_named(room: object) -> None:
    names = room.__all__  # type: ignore[attr-defined]
    assert [name for name in (*names, *ROLES) if f"`{name}`" not in PAGE] == []
