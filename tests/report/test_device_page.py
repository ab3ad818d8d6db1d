from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from vitnas.hardware.profile.profile_fields import Calibration, Prediction, TableSummary, save_profile
from vitnas.hardware.profile.read import load_profile
from vitnas.hardware.published.compare_file import HeldOut, write_check
from vitnas.plugins import PACKAGE_FOLDER, list_data
from vitnas.report.figures.scatter import write_scatter
from vitnas.report.pages.device_page import PLOTS, Entry, device_page, doubts, read_entry
from vitnas.report.pages.device_sections import table

DOCS = PACKAGE_FOLDER.parent / "docs"
ROWS = (HeldOut("a", "A", 224, 1.0, 1.1), HeldOut("b", "B", 0, 2.0, 1.8), HeldOut("c", "B", 256, 40.0, 40.0))
SHIPPED = {
    name: read_entry(name, path, DOCS / PLOTS) for name, path in list_data("hardware_profiles").items()
}


def entry(held_out=ROWS, **changes):
    profile = load_profile("iphone12")
    return Entry("mine", dataclasses.replace(profile, **changes), tuple(held_out))


def measured(**changes):
    return entry(
        kind="measured",
        table=TableSummary("mine.csv", ("s", "t"), 1234, 4, 30, 0.0123, 0.014, 0.021, 754.0),
        calibration=Calibration(0.05, 1.034, 20),
        prediction=Prediction({"conv_ffn": 1.0}, 0.08, 0.3),
        rows=None,
        domain=None,
        **changes,
    )


@pytest.mark.skipif(not DOCS.is_dir(), reason="installed without its docs")
def test_the_committed_page_says_what_the_profiles_say():
    pictures = frozenset(name for name, shown in SHIPPED.items() if shown.held_out)
    written = (DOCS / "devices.md").read_text(encoding="utf-8")
    assert written == device_page(list(SHIPPED.values()), pictures), "run: vitnas profile report --out docs"


@pytest.mark.skipif(not DOCS.is_dir(), reason="installed without its docs")
@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_the_committed_picture_shows_the_check_file(name):
    image = pytest.importorskip("PIL.Image")
    path = DOCS / PLOTS / f"{name}.png"
    if not SHIPPED[name].held_out:
        assert not path.exists()
        return
    with image.open(path) as picture:
        assert picture.info["Description"] == SHIPPED[name].digest, "run: vitnas profile report --out docs"


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_profile_states_the_error_of_its_check_file(name):
    assert doubts(SHIPPED[name]) == ""


def test_doubts_are_said():
    error = load_profile("iphone12").error
    assert "states a MAPE of 9.7 %, its held-out predictions have 6.7 %" in doubts(entry())
    assert "has no file" in doubts(entry(held_out=()))
    assert "states no error" in doubts(entry(error=None))
    assert doubts(entry(error=dataclasses.replace(error, mape=0.2 / 3))) == ""
    assert doubts(entry(kind="limits", error=None)) == ""


def test_a_fitted_device_has_families_coefficients_and_domain():
    page = device_page([entry()], frozenset({"mine"}))
    assert "| [`mine`](#mine) |" in page
    assert "\n## mine\n" in page
    assert "leave one family out (3 predictions)" in page
    assert "| DeiT | 1 | 36.3 | " in page
    assert "| `depthwise_ms_per_gmac` | 1.078 | 1.85 TFLOP/s |" in page
    assert "| `activation_ms_per_mb` | 0.01392 | 72 GB/s |" in page
    assert "call_ms" not in page, "a coefficient of 0 is not there"
    assert "| `gmacs` | 0.2751 | 35.54 |" in page
    assert "![mine: predicted against true](devices/mine.png)" in page


def test_a_measured_device_has_its_table_and_networks():
    page = device_page([measured()], frozenset())
    assert "1,234 of s, t, chained in copies of 4" in page
    assert "0.05 ms + 1.034 x the sum of its blocks, from 20 networks" in page
    assert "missed by 8.0 %, by 30.0 % where its operator was not measured either" in page
    assert "| time to measure | 12 min 34 s |" in page
    assert "| b | B |  | 2 | 1.8 | -10.0 |" in page
    assert "DeiT" not in page
    assert ".png" not in page


def test_networks_of_a_space_are_summed_up_by_space_and_part(tmp_path: Path):
    rows = (
        HeldOut("tiny_vit-3", "random", 224, 1.0, 1.1),
        HeldOut("tiny_vit-12", "random", 224, 2.0, 2.0),
        HeldOut("vit:deit_tiny", "published", 224, 3.0, 3.6),
    )
    save_profile(measured().profile, tmp_path / "mine.yaml")
    write_check(tmp_path / "mine.check.csv", rows)
    page = device_page([read_entry("mine", tmp_path / "mine.yaml", tmp_path)], frozenset())
    assert "| tiny_vit, random | 2 | 5.0 | 100 | 1.000 |" in page
    assert "| vit, published | 1 | 20.0 | 0 | - |" in page


def test_a_device_of_limits_states_no_error():
    limits = {"peak_bytes": 327680.0, "params": 1_000_000.0}
    page = device_page(
        [entry((), kind="limits", metric="none", error=None, coefficients={}, limits=limits)], frozenset()
    )
    assert "| `peak_bytes` | 320.0 KiB |" in page
    assert "| `params` | 1,000,000 |" in page
    assert "| kind | metric |" in page
    assert "MAPE of MACs only" not in page


def test_figures_that_nobody_knows_are_left_out():
    error = dataclasses.replace(load_profile("iphone12").error, noise=math.nan, macs_only_mape=math.nan)
    page = device_page([entry(error=error)], frozenset())
    assert "laboratories" not in page
    assert "MAPE of MACs only" not in page
    assert "nan" not in page


def test_notes_go_in_as_they_are(tmp_path: Path):
    (tmp_path / "iphone12.notes.md").write_text("- a *caveat*\n")
    found = read_entry("iphone12", list_data("hardware_profiles")["iphone12"], tmp_path)
    assert "\n- a *caveat*\n" in device_page([found], frozenset())


def test_cells_cannot_break_a_table():
    assert table(("a",), [("x|y\nz",)]) == "| a |\n| --- |\n| x\\|y z |\n"


@pytest.mark.parametrize("families", [1, 3, 30])
def test_a_picture_has_the_same_bytes_again(families: int, tmp_path: Path):
    pytest.importorskip("matplotlib")
    rows = [HeldOut(f"n{k}", f"f{k % families}", 224, 1.0 + k, 1.1 + k) for k in range(40)]
    for name in ("a.png", "b.png"):
        write_scatter(tmp_path / name, rows, title="t", unit="ms", digest="0123")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"0123" in (tmp_path / "a.png").read_bytes()
