"""Rungs where people read them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from vitnas.report.terminal.dry_run_table import dry_run_table
from vitnas.report.terminal.rung_table import funnel_table
from vitnas.report.terminal.summary import report
from vitnas.report.terminal.tables import front_table
from vitnas.run.result import RungPlan
from vitnas.searching.config import SearchConfig
from vitnas.searching.rungs import RungResult

SEARCH = RungResult("capacity", None, 1_036_112, 1_000_000, 0, 4_805, 12.2)
NASWOT = RungResult("naswot", 1000, 1000, 997, 3, 212, 187.4, {"hung": 2, "ValueError": 1})
TRAIN = RungResult("train", 16, 16, 16, 0, 5, 611.0, notes=("validation accuracy",))


def lines_of(shown: Any, width: int = 80) -> list[str]:
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(shown)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_row_for_the_search_and_every_rung() -> None:
    lines = lines_of(funnel_table([SEARCH, NASWOT, TRAIN]))
    assert [line.split() for line in lines[:4]] == [
        ["rung", "in", "scored", "failed", "out", "time"],
        ["search,", "capacity", "1,036,112", "1,000,000", "0", "4,805", "12", "s"],
        ["naswot", "1,000", "997", "3", "212", "3", "min", "07", "s"],
        ["train", "16", "16", "0", "5", "10", "min", "11", "s"],
    ]
    assert lines[4].startswith("in: ")
    assert lines[5:] == ["naswot: 2 hung, 1 ValueError (rungs.json says why of each)."]


def test_what_was_cut_short_is_said() -> None:
    part = replace(TRAIN, input=12, scored=5, failed=1, output=3, whole=False)
    assert lines_of(funnel_table([SEARCH, part]))[-2:] == [
        "train: interrupted, 6 are left.",
        "train: 16 asked, the front before held 12.",
    ]
    assert lines_of(funnel_table([replace(SEARCH, whole=False)]))[-1] == "capacity: interrupted."


@pytest.mark.parametrize("width", [80, 60])
def test_long_names_leave_room_for_the_figures(width: int) -> None:
    long = replace(NASWOT, quality="./somewhere/far/away/my_own_proxy.py+token_entropy")
    lines = lines_of(funnel_table([SEARCH, long]), width)
    assert max(map(len, lines)) <= width
    if width == 80:
        assert any("my_own_proxy.py+token_entropy" in line and "212" in line for line in lines)


def test_the_front_is_shown_with_every_rungs_score(fakes: SimpleNamespace) -> None:
    plain = fakes.result()
    scored = [
        replace(m, rungs={"capacity": -3.2, "naswot": 0.25, "train": m.quality}, quality=m.quality)
        for m in plain.front
    ]
    config = SearchConfig("efficientformer", "iphone12", then=("naswot:1000", "train:16"))
    result = replace(plain, config=config, front=tuple(scored), rungs=(SEARCH, NASWOT, TRAIN))
    assert result.quality == "train"
    wide = lines_of(front_table(result), 120)
    header = next(line for line in wide if "capacity" in line).split()
    assert header.index("capacity") + 2 == header.index("naswot") + 1 == header.index("train")
    row = next(line for line in wide if "01-01" in line)
    assert "-3.2" in row and "0.25" in row
    reference = next(line for line in wide if line.split()[:2] in (["◆", "s0"], ["s0"])).split()
    assert reference.count("-") >= 2  # it was not scored by the rungs
    lines = lines_of(report(result))
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("naswot ") and "212" in line for line in lines)
    assert any("rungs.json" in line for line in lines)


def test_without_rungs_there_is_no_table(fakes: SimpleNamespace) -> None:
    text = "\n".join(lines_of(report(fakes.result())))
    assert "rungs.json" not in text and "rung " not in text


def test_a_dry_run_says_what_the_rungs_would_take(fakes: SimpleNamespace) -> None:
    plans = (RungPlan("naswot", 1000, 190.0), RungPlan("train", 16, None))
    lines = lines_of(dry_run_table(fakes.dry(rungs=plans)))
    assert any(line.split() == ["naswot", "1,000", "3", "min", "10", "s"] for line in lines)
    assert any(line.split() == ["train", "16", "?"] for line in lines)
    assert " ".join(lines[-2:]).endswith("with the checks of the front and the rungs without train")
    assert max(map(len, lines)) <= 80
    known = lines_of(dry_run_table(fakes.dry(rungs=plans[:1])), 100)
    assert known[-1].endswith("with the checks of the front and the rungs")
