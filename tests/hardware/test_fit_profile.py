"""What a fitted profile says of itself, and what it keeps when it is fitted again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vitnas.cli.profile import app
from vitnas.errors import InvalidData, InvalidInput, UnknownName, VitnasError
from vitnas.hardware.load_device import load_device
from vitnas.hardware.published.compare import check
from vitnas.hardware.published.compare_file import check_path, read_check
from vitnas.hardware.published.fit_profile import Headings, fit_profile
from vitnas.hardware.published.latency_rows import read_rows
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.fitting import fit_macs_only, fit_roofline
from vitnas.hardware.roofline.priors import DEFAULT_HARDWARE, HARDWARE
from vitnas.hardware.roofline.roofline import COEFFICIENTS, OPTIONAL_COEFFICIENTS, roofline_features

HEADER = "timm_name_if_any,resolution,latency_ms,family,batch\n"
NETWORKS = {
    "torchvision:resnet18": "resnet",
    "torchvision:resnet34": "resnet",
    "torchvision:mobilenet_v2": "mobilenet",
    "torchvision:mnasnet0_5": "mobilenet",
    "torchvision:squeezenet1_1": "squeezenet",
    "torchvision:alexnet": "alexnet",
}


def rows_file(folder: Path, batch: str = "64") -> Path:
    """Latencies of a machine that takes 1 ms and 2 ms a GMAC."""
    pytest.importorskip("torchvision")
    path = folder / "rows.csv"
    lines = [
        f"{name},128,{1 + 2 * network_trace(name, 128).macs / 1e9:.5f},{family},{batch}\n"
        for name, family in NETWORKS.items()
    ]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", list(HARDWARE))
def test_a_class_of_hardware_has_a_prior_for_every_coefficient(name: str) -> None:
    hardware = HARDWARE[name]
    assert set(hardware.prior) == set(COEFFICIENTS)
    assert all(hardware.prior[c] > 0 for c in set(COEFFICIENTS) - set(OPTIONAL_COEFFICIENTS))
    assert hardware.ridge > 0


def test_what_is_free_where() -> None:
    free = {name: [c for c in COEFFICIENTS if HARDWARE[name].prior[c] == 0] for name in HARDWARE}
    assert free == {
        "accelerator": ["nonlinearity_ms_per_mb", "call_ms"],
        "hexagon": ["nonlinearity_ms_per_mb"],
        "processor": [],
        "gpu": ["call_ms"],
    }


def test_macs_alone_are_fitted_exactly_where_macs_are_all() -> None:
    gmacs = np.array([0.1, 0.3, 1.0, 4.0, 17.0])
    base_ms, ms_per_gmac = fit_macs_only(gmacs, 0.7 + 3.0 * gmacs, np.ones(5))
    assert (base_ms, ms_per_gmac) == (pytest.approx(0.7, rel=1e-3), pytest.approx(3.0, rel=1e-3))


def test_a_profile_says_what_it_was_fitted_to_and_keeps_it(tmp_path: Path) -> None:
    rows = rows_file(tmp_path)
    headings = Headings(metric="throughput", batch=64, hardware="gpu", dtype="float32", device="My GPU")
    made = fit_profile(rows, "mine", tmp_path, headings)
    profile = made.profile
    assert (profile.metric, profile.hardware, profile.conditions.batch) == ("throughput", "gpu", 64)
    assert "6 published throughputs of 6 networks" in profile.source
    assert profile.coefficients["call_ms"] == 0 < profile.coefficients["nonlinearity_ms_per_mb"]
    assert profile.domain is not None
    assert "nonlinearity_mb" in profile.domain.ranges
    assert "throughput in batches of 64" in load_device(str(made.path)).label
    again = fit_profile(rows, "mine", tmp_path)
    assert repr(again.profile) == repr(profile)  # nan is not itself


def test_the_held_out_predictions_stand_beside_the_profile(tmp_path: Path) -> None:
    made = fit_profile(rows_file(tmp_path), "mine", tmp_path, Headings(batch=64, hardware="processor"))
    held_out = read_check(check_path(made.path))
    assert [(row.network, row.family) for row in held_out] == list(NETWORKS.items())
    error = np.mean([abs(row.predicted_ms / row.true_ms - 1) for row in held_out])
    assert made.profile.error is not None
    assert made.profile.error.mape == pytest.approx(error, rel=1e-3)
    assert made.profile.error.macs_only_mape == pytest.approx(0, abs=1e-3)
    assert "MACs alone miss by 0 % only" in made.warning or "do not support a fit" in made.warning


@pytest.mark.parametrize(
    ("headings", "kind", "message"),
    [
        (Headings(hardware="npu"), UnknownName, "unknown hardware 'npu'; did you mean 'gpu'?"),
        (Headings(metric="speed"), UnknownName, "unknown metric 'speed' (known: latency, throughput)"),
        (Headings(batch=0), InvalidInput, "batch 0 is none; it must be at least 1"),
        (Headings(batch=8), InvalidData, ":2: column 'batch': 64, but the profile is of batch 8"),
        (Headings(), InvalidData, "but the profile is of batch 1; leave the row out, or give `batch`"),
    ],
)
def test_bad_headings(headings: Headings, kind: type[VitnasError], message: str, tmp_path: Path) -> None:
    rows = rows_file(tmp_path)
    with pytest.raises(kind) as caught:
        fit_profile(rows, "mine", tmp_path, headings)
    assert message in str(caught.value)
    assert sorted(tmp_path.iterdir()) == [rows]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("resnet18,224,1,a,2.5", ":2: column 'batch': '2.5' is no whole number"),
        ("resnet18,224,1,a,big", ":2: column 'batch': 'big' is no number"),
        ("resnet18,224,3.2 ms,a,1", ":2: column 'latency_ms': '3.2 ms' is no number; write the number alone"),
        ("resnet18,224,1,5,a,1", ":2: 6 fields; the header has 5"),
    ],
)
def test_bad_rows(cells: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + cells + "\n", encoding="utf-8")
    with pytest.raises(InvalidData) as caught:
        read_rows(path)
    assert message in str(caught.value)


def test_a_coefficient_without_a_prior_stays_free() -> None:
    pytest.importorskip("torchvision")
    names = ("torchvision:mobilenet_v3_small", "torchvision:squeezenet1_1")
    features = [roofline_features(network_trace(name, 64).kernels, 2) for name in names]
    prior = {**HARDWARE[DEFAULT_HARDWARE].prior, "swish_ms_per_mb": 0.0}
    fitted = fit_roofline(features, np.array([1.0, 2.0]), np.ones(2), prior=prior)
    values = dict(zip(COEFFICIENTS, fitted, strict=True))
    assert values["swish_ms_per_mb"] == values["call_ms"] == 0
    assert values["base_ms"] > 0


def test_the_command_prints_macs_alone_beside_the_fit(tmp_path: Path) -> None:
    options = ["--name", "mine", "--out", str(tmp_path), "--metric", "throughput", "--batch", "64"]
    answer = CliRunner().invoke(
        app, ["fit", "--rows", str(rows_file(tmp_path)), *options, "--hardware", "processor"]
    )
    assert answer.exit_code == 0, answer.output
    assert "MACs only, same method: MAPE 0.0 %   Spearman 1.000" in answer.output
    assert "mine.yaml and mine.check.csv" in answer.output


def test_a_check_says_what_is_compared_and_skips_other_batches(tmp_path: Path) -> None:
    rows = rows_file(tmp_path)
    fit_profile(rows, "mine", tmp_path, Headings(batch=64, metric="throughput", hardware="gpu"))
    text = rows.read_text(encoding="utf-8") + "torchvision:alexnet,256,9,alexnet,1\n"
    rows.write_text(text + "torchvision:alexnet,256,9,alexnet,64\n", encoding="utf-8")
    device = load_device(str(tmp_path / "mine.yaml"))
    result = check(device, rows)
    assert [(row.line, reason) for row, reason in result.skipped] == [(8, "batch 1, not 64")]
    assert result.rows[-1].out_of_domain[0].endswith("rows are of squares of 128 px, not of 256 px")
    assert result.rows[0].out_of_domain == ()
    output = CliRunner().invoke(app, ["check", str(tmp_path / "mine.yaml"), "--truth", str(rows)]).output
    assert "milliseconds an image, batch 64, float16" in output


def test_limits_cannot_be_checked(tmp_path: Path) -> None:
    device = load_device("stm32f746")
    with pytest.raises(InvalidInput, match="'stm32f746' holds limits and prices no time"):
        check(device, rows_file(tmp_path))
