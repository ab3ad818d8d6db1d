"""The shipped fitted profiles: their figures follow from the files beside them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.read import read_profile
from vitnas.hardware.published.compare_file import check_path, read_check
from vitnas.hardware.published.fit_profile import fit_profile
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.metrics import summarize

FOLDER = Path(__file__).parents[2] / "hardware_profiles"
QUALCOMM = (
    "galaxy_s24",
    "galaxy_s25",
    "iq9075",
    "qcs8275",
    "qcs8550",
    "sa8295p",
    "snapdragon_8_elite_gen5",
    "snapdragon_x_elite",
)
FITTED = ("iphone12", *QUALCOMM, "i7_12700h", "i9_10940x", "rtx4090")
SLOW = pytest.mark.slow


@pytest.mark.parametrize("name", FITTED)
def test_the_stated_error_is_that_of_the_held_out_predictions(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    profile, held_out = read_profile(path), read_check(check_path(path))
    error, rows = profile.error, profile.rows
    assert error is not None and rows is not None
    found = summarize([r.predicted_ms for r in held_out], [r.true_ms for r in held_out])
    assert (found.n, len({r.family for r in held_out})) == (rows.number, rows.families)
    for figure in ("mape", "median_error", "p90", "within_20", "spearman", "kendall"):
        assert getattr(error, figure) == pytest.approx(getattr(found, figure), abs=1e-3), figure
    assert error.band >= error.mape
    assert error.method == "leave one family out"


@pytest.mark.parametrize("name", FITTED)
def test_it_beats_macs_alone(name: str) -> None:
    error = read_profile(FOLDER / f"{name}.yaml").error
    assert error is not None
    assert error.mape < 0.9 * error.macs_only_mape


@pytest.mark.parametrize("name", FITTED)
def test_every_row_names_its_source_and_was_left_out_once(name: str) -> None:
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert all(row["source"] and row["device"] and row["runtime"] and row["family"] for row in rows)
    held_out = read_check(FOLDER / f"{name}.check.csv")
    assert [r.network for r in held_out] == [row["timm_name_if_any"] for row in rows]
    assert [r.true_ms for r in held_out] == pytest.approx(
        [float(row["latency_ms"]) for row in rows], rel=1e-4
    )


def test_what_each_is_a_price_of() -> None:
    devices = {name: load_device(str(FOLDER / f"{name}.yaml")) for name in FITTED}
    assert [name for name in FITTED if devices[name].metric == "throughput"] == ["rtx4090"]
    assert devices["rtx4090"].batch == 1024
    assert "eager" in devices["rtx4090"].profile.conditions.runtime
    for name in ("i7_12700h", "i9_10940x"):
        assert "torch.compile" in devices[name].profile.conditions.runtime
        assert (devices[name].dtype, devices[name].batch) == ("float32", 1)
    for name in QUALCOMM:
        assert (devices[name].dtype, devices[name].profile.hardware) == ("float16", "hexagon")


def test_a_network_of_the_fit_is_in_the_domain_and_swin_on_a_phone_is_not() -> None:
    pytest.importorskip("torchvision")
    phone = load_device(str(FOLDER / "galaxy_s24.yaml"))
    assert phone.out_of_domain(network_trace("torchvision:resnet50", 224)) == []
    flags = phone.out_of_domain(network_trace("swin_tiny_patch4_window7_224", 224))
    assert "no network of the fit does 'roll'" in flags


@pytest.mark.parametrize(
    "name", ["sa8295p", *(pytest.param(n, marks=SLOW) for n in FITTED if n != "sa8295p")]
)
def test_a_refit_gives_the_shipped_profile(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    shipped = read_profile(FOLDER / f"{name}.yaml")
    shutil.copy(FOLDER / f"{name}.yaml", tmp_path)
    made = fit_profile(FOLDER / f"{name}.csv", name, tmp_path)
    assert made.skipped == ()
    assert made.profile.error is not None and shipped.error is not None
    # Other versions of torch and timm decompose a call or two differently.
    assert made.profile.error.mape == pytest.approx(shipped.error.mape, abs=0.01)
    assert made.profile.error.macs_only_mape == pytest.approx(shipped.error.macs_only_mape, abs=0.01)
    assert made.profile.coefficients == pytest.approx(dict(shipped.coefficients), rel=0.1)
