"""docs/architecture.md: its files are there, few enough to read, and every room has its line."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parents[1]
PAGE = (HERE / "docs" / "architecture.md").read_text()


def test_the_files_to_read_first_are_there_and_short():
    files = re.findall(r"^\d\. \[.*?\]\(\.\./(vitnas/\S+?)\)", PAGE, re.MULTILINE)
    assert len(files) == 6
    assert sum(len((HERE / file).read_text().splitlines()) for file in files) <= 1100


def test_every_room_is_named():
    rooms = re.search(
        r"MAY_IMPORT = \{(.*?)^\}", (HERE / "tests/test_import_direction.py").read_text(), re.S | re.M
    )
    assert rooms is not None
    for room in re.findall(r'^    "(\w+)":', rooms[1], re.MULTILINE):
        assert room == "_version" or f"`{room}" in PAGE, room
