from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vitnas.errors import InvalidData, InvalidInput
from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.read import load_profile, read_profile
from vitnas.hardware.published.fit_profile import Headings, fit_profile
from vitnas.hardware.published.latency_rows import LatencyRow, read_rows
from vitnas.hardware.roofline.fitting import PRIOR, Sample, fit, fit_coefficients, make_samples
from vitnas.hardware.roofline.metrics import held_out_error
from vitnas.hardware.roofline.roofline import BYTE_TERMS, COEFFICIENTS, Networks, RooflineFeatures

SHIPPED_ROWS = Path(__file__).parents[2] / "hardware_profiles" / "iphone12.csv"


def random_features(rng: np.random.Generator) -> RooflineFeatures:
    kernels, scale = 30, np.exp(rng.uniform(-1, 2))
    return RooflineFeatures(
        kinds=rng.integers(0, 6, kernels),
        gmacs=scale * rng.lognormal(-3, 1.5, kernels),
        activation_mb=scale * rng.lognormal(-1, 1.5, kernels),
        counts=np.ones(kernels),
        weight_mb=scale * rng.lognormal(3, 1),
        bytes_mb={term: scale * rng.lognormal(2, 1) for term in BYTE_TERMS},
    )


def synthetic_samples(true_values: np.ndarray, number: int, noise: float) -> list[Sample]:
    rng = np.random.default_rng(0)
    features = [random_features(rng) for _ in range(number)]
    latency = Networks(features).latency_ms(true_values) * np.exp(noise * rng.standard_normal(number))
    return [
        Sample(LatencyRow(f"network{i}", 224, float(ms), family=f"family{i % 10}"), f, frozenset())
        for i, (f, ms) in enumerate(zip(features, latency, strict=True))
    ]


def test_a_fit_recovers_the_coefficients_that_made_the_latencies() -> None:
    rng = np.random.default_rng(1)
    true_values = np.array([PRIOR[name] for name in COEFFICIENTS]) * np.exp(
        rng.uniform(-0.7, 0.7, len(COEFFICIENTS))
    )
    samples = synthetic_samples(true_values, 400, noise=0)
    found = fit_coefficients(samples, ridge=1e-4)
    assert found == pytest.approx(true_values, rel=0.02)


def test_the_prior_takes_its_scale_from_the_rows() -> None:
    fifty_times_slower = np.array([PRIOR[name] for name in COEFFICIENTS]) * 50
    found = fit_coefficients(synthetic_samples(fifty_times_slower, 20, noise=0))
    assert found == pytest.approx(fifty_times_slower, rel=0.05)


def test_the_held_out_error_is_about_the_noise() -> None:
    result = fit(synthetic_samples(np.array([PRIOR[name] for name in COEFFICIENTS]), 60, noise=0.1))
    assert 0.06 < result.error.mape < 0.12
    truth = np.array([sample.row.latency_ms for sample in result.samples])
    families = [sample.family for sample in result.samples]
    error = held_out_error(result.held_out_ms, truth, families, method="leave one family out")
    low, high = error.interval_80
    assert low < 1 < high
    assert {rows for rows, _ in error.families.values()} == {6}
    assert len(error.families) == 10


def test_an_outlier_pulls_little() -> None:
    true_values = np.array([PRIOR[name] for name in COEFFICIENTS])
    samples = synthetic_samples(true_values, 60, noise=0.02)
    row = samples[0].row
    samples[0] = Sample(LatencyRow(row.timm_name, 224, 5 * row.latency_ms), samples[0].features, frozenset())
    networks = Networks([s.features for s in samples[1:]])
    ratio = networks.latency_ms(fit_coefficients(samples)) / networks.latency_ms(true_values)
    assert np.abs(ratio - 1).mean() < 0.05


def test_too_few_rows_or_families_are_refused() -> None:
    samples = synthetic_samples(np.array([PRIOR[name] for name in COEFFICIENTS]), 20, noise=0)
    with pytest.raises(InvalidData, match="4 usable rows"):
        fit(samples[:4])
    with pytest.raises(InvalidData, match="of 1 families"):
        fit([sample for sample in samples * 3 if sample.family == "family0"])


def test_rows_that_cannot_be_built_are_skipped_with_the_reason() -> None:
    pytest.importorskip("timm")
    rows = [
        LatencyRow("", 224, 1.0, line=2),
        LatencyRow("resnet5O", 224, 1.0, line=3),
        LatencyRow("levit_128s", 225, 1.0, line=4),
        LatencyRow("resnet18", None, 1.0, line=5),
    ]
    samples, skipped = make_samples(rows, "float16")
    assert [sample.row.line for sample in samples] == [5]
    reasons = {row.line: reason for row, reason in skipped}
    assert reasons[2] == "no timm name"
    assert "did you mean 'resnet50'?" in reasons[3]
    assert "levit_128s" in reasons[4]
    assert "225 px" in reasons[4]


def test_the_shipped_profile_is_what_its_rows_give(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    shipped = load_profile("iphone12")
    made = fit_profile(
        SHIPPED_ROWS,
        "iphone12",
        tmp_path,
        Headings(title=shipped.name, noise=0.096),
        progress=lambda row: None,
    )
    # Other versions of torch and timm decompose a call or two differently.
    assert made.profile.coefficients == pytest.approx(dict(shipped.coefficients), rel=0.05)
    assert made.profile.name == shipped.name
    assert made.profile.rows == shipped.rows
    assert made.skipped == ()
    assert made.warning == ""
    error = made.profile.error
    assert error is not None
    assert error.mape <= 0.105
    assert error.spearman >= 0.98
    assert error.mape < 0.6 * error.macs_only_mape
    assert error.band >= error.noise == 0.096
    again = fit_profile(SHIPPED_ROWS, "iphone12", tmp_path)
    assert again.profile == made.profile  # what stands there keeps its headings, and a fit is deterministic
    assert read_profile(again.path) == again.profile


@pytest.mark.parametrize(
    ("headings", "message"),
    [
        (Headings(dtype="float61"), "unknown dtype 'float61'; did you mean 'float16'?"),
        (Headings(noise=9.6), "noise 9.6 is no share"),
    ],
)
def test_headings_that_no_profile_can_have(headings: Headings, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        fit_profile(SHIPPED_ROWS, "mine", tmp_path, headings)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_no_row_of_the_old_regime_is_in_the_fit() -> None:
    rows = read_rows(SHIPPED_ROWS)
    assert len(rows) == 63
    assert not [row for row in rows if "2022" in row.runtime or "before iOS 16" in row.runtime]
    assert all(row.source and row.device.startswith("iPhone 12") for row in rows)
    assert load_device("iphone12").profile.rows is not None
