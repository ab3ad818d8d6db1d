"""A table of measured blocks is the one that its profile states, or one error."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from vitnas.errors import InvalidProfile
from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.block_table import read_table, table_digest

DEVICES = Path(__file__).parents[1] / "fixtures" / "runs_0_1_0" / "measured" / "devices"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    for name in ("laptop.yaml", "laptop.csv"):
        shutil.copy(DEVICES / name, tmp_path / name)
    path = tmp_path / "laptop.yaml"
    digest = table_digest(read_table(tmp_path / "laptop.csv"))
    path.write_text(path.read_text().replace("  blocks: 71\n", f"  blocks: 71\n  digest: '{digest}'\n"))
    return path


def changed(line: str, **cells: str) -> str:
    """A row with other last cells: latency_ms, iqr_ms, runs."""
    head, *last = line.rsplit(",", 3)
    return ",".join([head, *(cells.get(n, old) for n, old in zip(("ms", "iqr", "runs"), last, strict=True))])


DAMAGES = {
    "cut": (lambda lines: lines[:26], "holds 25 of the 71 blocks that laptop.yaml states"),
    "one row less": (lambda lines: lines[:-1], "holds 70 of the 71 blocks"),
    "one row twice": (lambda lines: [*lines, lines[1]], ":73: column 'id': .* stands twice"),
    "no row": (lambda lines: lines[:1], "holds 0 of the 71 blocks"),
    "a time": (lambda lines: [*lines[:-1], changed(lines[-1], ms="9.5")], "its figures are not those"),
    "a spread": (lambda lines: [*lines[:-1], changed(lines[-1], iqr="9.5")], "its figures are not those"),
    "runs": (lambda lines: [*lines[:-1], changed(lines[-1], runs="7")], "its figures are not those"),
    "nan": (lambda lines: [*lines[:-1], changed(lines[-1], ms="nan")], ":72: column 'latency_ms': 'nan' is"),
    "negative": (lambda lines: [*lines[:-1], changed(lines[-1], ms="-1")], ":72: column 'latency_ms': -1 of"),
    "an id": (lambda lines: [*lines[:-1], "000000000000" + lines[-1][12:]], ":72: column 'id': 000000000000"),
    "an operator": (
        lambda lines: [*lines[:-1], re.sub(",[a-z_]+,", ",x,", lines[-1], count=1)],
        ":72: column",
    ),
    "half a row": (lambda lines: [*lines[:-1], lines[-1][:30]], ":72: .* fields; the header has 11"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_table_is_no_table(profile, damage, said):
    table = profile.with_name("laptop.csv")
    table.write_text("\n".join(damage(table.read_text().splitlines())) + "\n")
    with pytest.raises(InvalidProfile, match=said) as caught:
        load_device(str(profile))
    assert "laptop.csv" in str(caught.value)


def test_another_layout_is_the_same_table(profile):
    table = profile.with_name("laptop.csv")
    head, *rows = table.read_text().splitlines()
    table.write_text("\ufeff" + "\r\n".join([head.replace(",", " , "), *reversed(rows), ",,"]))
    assert len(load_device(str(profile)).table) == 71


def test_a_table_stands_beside_its_profile(profile):
    profile.write_text(profile.read_text().replace("file: laptop.csv", "file: ../laptop.csv"))
    with pytest.raises(InvalidProfile, match=r"table\.file: expected the name of a file beside it"):
        load_device(str(profile))
