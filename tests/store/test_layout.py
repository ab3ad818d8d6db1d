from __future__ import annotations

import re
from pathlib import Path

import pytest

import vitnas
from vitnas.errors import RunCorrupt, RunError
from vitnas.store.layout import LAYOUTS, layout_of, require_layout

FILE = Path("runs/a/manifest.json")
OURS = f"this is vitnas {vitnas.__version__}, which reads 3"


@pytest.mark.parametrize(
    ("found", "layout"),
    [
        (LAYOUTS["search"], ("search", LAYOUTS["search"])),
        (f"scale {LAYOUTS['scale']}", ("scale", LAYOUTS["scale"])),
    ],
)
def test_what_a_manifest_says(found, layout):
    assert layout_of({"format": found}, FILE) == layout
    require_layout({"format": found}, FILE, layout[0])


@pytest.mark.parametrize("manifest", [None, [], {}, {"format": None}, {"format": True}, {"format": "scale"}])
def test_no_manifest_of_ours(manifest):
    with pytest.raises(RunCorrupt, match=r"^runs/a/manifest\.json: is no manifest of a run"):
        require_layout(manifest, FILE, "search")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (
            {"format": 4, "versions": {"vitnas": "9.1"}},
            f"written by vitnas 9.1 in a newer layout (4; {OURS}): "
            "go on with the vitnas that wrote it, or a newer one",
        ),
        (
            {"format": 2, "versions": {"vitnas": "0.0.1"}},
            f"written by vitnas 0.0.1 in an older layout (2; {OURS}): ",
        ),
        ({"format": 4}, "written by an unknown vitnas in a newer layout"),
        (
            {"format": "scale 1"},
            "a run of 'vitnas scale', not of 'vitnas search': go on with `vitnas.load_run(",
        ),
        ({"format": "train 1"}, "a run of 'vitnas train', not of 'vitnas search': it is newer"),
    ],
)
def test_other_layouts_are_refused_with_who_wrote_them(manifest, said, monkeypatch):
    monkeypatch.setitem(LAYOUTS, "search", 3)
    with pytest.raises(RunError, match=re.escape(f"runs/a/manifest.json: {said}")) as error:
        require_layout(manifest, FILE, "search")
    assert "\n" not in str(error.value)
