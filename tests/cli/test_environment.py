"""Whatever the variables of the environment hold, a command ends as it does without them."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.cost import cache
from vitnas.cost.priced import Figures
from vitnas.cost.table import CostTable
from vitnas.space.files import load_space
from vitnas.store.disk import atomic_write_text

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr

SPACE = Path(__file__).parents[1] / "fixtures" / "runs_0_1_0" / "capacity" / "space.yaml"
FOLDERS = ("VITNAS_CACHE", "XDG_CACHE_HOME", "HOME", "TMPDIR")
STATES = {
    **{"unset": None, "empty": "", "blank": " ", "relative": "relative", "missing": "{}/not/there/yet"},
    **{"a file": "{}/a-file", "in a file": "{}/a-file/inner", "too long": "/" + "x" * 5000},
    "not writable": "/proc/vitnas",  # for root neither
}
SHOWN = ("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "LANG", "LC_ALL", "VITNAS_DEBUG")


@pytest.fixture(autouse=True)
def _room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SPACE, "tiny.yaml")
    Path("a-file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is looked for once


@pytest.fixture(scope="module")
def table() -> CostTable:
    return CostTable.build(load_space(str(SPACE)))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_any_kind(
    name: str, state: str, table: CostTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in FOLDERS:
        monkeypatch.setenv(other, str(tmp_path))
    for first in FOLDERS[: FOLDERS.index(name) % 3]:  # would be taken before it
        monkeypatch.delenv(first)
    value = STATES[state]
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value.format(tmp_path))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        path = cache.path_of(table.space, Figures())
        cache.save(path, table.columns)
        atomic_write_text(tmp_path / "written.txt", "whole")
    assert cache.load(path) is not None or said or path is None
    assert all("the costs of blocks are not kept: cannot" in str(one.message) for one in said)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "a-file",
        "tiny.yaml",
        "written.txt",
    ]


@pytest.mark.parametrize("value", [None, "", "0", "1", "-3", "x", "dumb", "xterm-256color", "C"])
@pytest.mark.parametrize("name", SHOWN)
def test_what_says_how_to_print(
    name: str, value: str | None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    code, out, err = run("spaces", "show", "tiny.yaml")
    if name == "VITNAS_DEBUG" and value not in (None, "", "0", "1"):
        assert code == 2 and err.startswith("error: ") and "VITNAS_DEBUG" in err and err.count("\n") == 1
    else:
        assert code == 0 and "genes" in out, err
