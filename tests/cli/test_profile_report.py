from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.hardware.published.compare_file import HeldOut, write_check
from vitnas.plugins import find_data

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of a profile, without its held-out predictions."""
    path = tmp_path / "mine.yaml"
    path.write_text(find_data("hardware_profiles", "iphone12").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_a_page_with_pictures(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, out, err = run("profile", "report", "iphone12", "stm32f746", "--out", str(tmp_path))
    assert (code, err) == (0, "")
    assert "2 devices, 1 pictures" in out
    page = (tmp_path / "devices.md").read_text(encoding="utf-8")
    assert page.index("\n## iphone12\n") < page.index("\n## stm32f746\n")
    assert "(devices/iphone12.png)" in page and "stm32f746.png" not in page
    assert (tmp_path / "devices" / "iphone12.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "devices" / "stm32f746.png").exists()


def test_without_matplotlib_the_page_stands_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = run("profile", "report", "iphone12", "--out", str(tmp_path))
    assert code == 0
    assert "1 devices, 0 pictures" in out
    assert "vitnas[plot]" in err
    assert ".png" not in (tmp_path / "devices.md").read_text(encoding="utf-8")


def test_a_profile_whose_error_cannot_be_seen_is_named(run: Run, mine: Path, tmp_path: Path) -> None:
    code, _, err = run("profile", "report", str(mine), "--out", str(tmp_path / "docs"))
    assert code == 0
    assert "warning: mine has no file of held-out predictions" in err
    write_check(tmp_path / "mine.check.csv", [HeldOut("a", "A", 224, 1.0, 1.5)])
    _, _, err = run("profile", "report", str(mine), "--out", str(tmp_path / "docs"))
    assert "its held-out predictions have 50.0 %" in err


@pytest.mark.parametrize(
    ("device", "said"),
    [("iphone21", "did you mean 'iphone12'?"), ("nowhere.yaml", "no such file: 'nowhere.yaml'")],
)
def test_an_unknown_device_writes_nothing(run: Run, device: str, said: str, tmp_path: Path) -> None:
    code, out, err = run("profile", "report", device, "--out", str(tmp_path / "docs"))
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "docs").exists()
