"""Wrong files for every reader: each is one error, or a file that somebody may have meant."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from vitnas.errors import RunCorrupt
from vitnas.formats.fields import check_fields
from vitnas.searching.config import SearchConfig

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    benchmark: Any = importlib.import_module("fuzz")

CONFIG: dict[str, Any] = {
    "space": "tiny",
    "trials": 100,
    "budgets": {"max-params": "1M"},
    "then": ["naswot:4"],
}


@pytest.mark.parametrize("seed", [1, 2])
def test_wrong_files_are_refused_or_plausible(seed):
    found, wrong = benchmark.fuzz(200, seed)
    assert not wrong
    assert all(counts["refused"] for counts in found.values()), "a reader that refuses nothing is none"


def test_settings_of_a_run_are_read_back():
    assert SearchConfig.from_dict(SearchConfig.from_dict(CONFIG).to_dict()).trials == 100


ODD = [
    ("trials", "many"),
    ("trials", True),
    ("images", {}),
    ("budgets", 3),
    ("budgets", {"a": 1}),
    ("space", None),
]


@pytest.mark.parametrize(("name", "value"), [*ODD, ("then", [3]), ("then", "naswot:4"), ("unknown", 1)])
def test_a_setting_of_another_type_is_named(name, value):
    with pytest.raises(RunCorrupt, match=rf"manifest\.json: config: .*{name}"):
        SearchConfig.from_dict({**CONFIG, name: value})


def test_a_missing_field_and_no_mapping():
    with pytest.raises(RunCorrupt, match="'space' is missing"):
        SearchConfig.from_dict({})
    with pytest.raises(RunCorrupt, match="here: expected names and values"):
        check_fields(SearchConfig, [], "here", RunCorrupt)
