from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from vitnas.arch.schema import save_architecture
from vitnas.cost.pricer import trace_block
from vitnas.errors import InvalidData, InvalidInput
from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.block_table import Measured, write_table
from vitnas.hardware.profile.profile_fields import (
    Calibration,
    Conditions,
    Profile,
    TableSummary,
    save_profile,
)
from vitnas.hardware.published.compare_file import check_path, read_check
from vitnas.hardware.published.fit_profile import Headings
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.fitting import PRIOR
from vitnas.hardware.roofline.roofline import BASE, BYTE_TERMS, COEFFICIENTS, Networks, RooflineFeatures
from vitnas.hardware.transfer.scale_prices import (
    BASE_AND_SCALE,
    METHODS,
    REFIT,
    SCALE,
    Known,
    leave_one_out_ms,
    method_for,
    transfer,
)
from vitnas.hardware.transfer.write_profile import transfer_profile
from vitnas.space.chain import chain
from vitnas.space.files import load_architecture

NAMES = ("resnet18", "resnet34", "mobilenetv2_100", "deit_tiny_patch16_224", "repvit_m0_9")
HEADER = "timm_name_if_any,resolution,latency_ms,architecture,device\n"


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


def price(features: tuple[RooflineFeatures, ...], coefficients: Mapping[str, float]) -> np.ndarray:
    return Networks(features).latency_ms(np.array([coefficients[name] for name in COEFFICIENTS]))


def known(number: int) -> Known:
    rng = np.random.default_rng(0)
    features = tuple(random_features(rng) for _ in range(number))
    return Known(PRIOR[BASE], price(features, PRIOR) - PRIOR[BASE], features, PRIOR)


def test_a_scale_is_recovered_exactly() -> None:
    source = known(3)
    transferred = transfer(source, 2.5 * source.network_ms(), SCALE)
    assert transferred.scale == pytest.approx(2.5)
    assert transferred.base_ms == pytest.approx(2.5 * source.base_ms)
    assert transferred.network_ms(source) == pytest.approx(2.5 * source.network_ms())


@pytest.mark.parametrize("base_factor", [0.2, 5.0])
def test_base_and_scale_are_recovered(base_factor: float) -> None:
    source = known(12)
    source = Known(float(np.median(source.body_ms)), source.body_ms)  # a base that shows
    truth = base_factor * source.base_ms + 1.5 * source.body_ms
    exact = transfer(source, truth, BASE_AND_SCALE, ridge=1e-4)
    assert exact.base_ms == pytest.approx(base_factor * source.base_ms, rel=1e-3)
    assert exact.scale == pytest.approx(1.5, rel=1e-3)
    pulled = transfer(source, truth, BASE_AND_SCALE)
    assert np.abs(pulled.network_ms(source) / truth - 1).mean() < 0.05
    assert np.abs(transfer(source, truth, SCALE).network_ms(source) / truth - 1).mean() > 0.2


def test_a_base_grows_where_the_source_has_none() -> None:
    source = Known(0.0, known(12).body_ms)
    truth = 0.5 * np.median(source.body_ms) + source.body_ms
    transferred = transfer(source, truth, BASE_AND_SCALE, ridge=1e-4)
    assert transferred.base_ms == pytest.approx(0.5 * np.median(source.body_ms), rel=1e-2)


def test_a_refit_beats_a_scale_where_the_rates_differ() -> None:
    source = known(60)
    related = {name: value * (4 if "mb" in name else 1) for name, value in PRIOR.items()}
    truth = price(source.features, related)
    measured, others = source.rows(np.arange(30)), source.rows(np.arange(30, 60))
    error = {
        method: np.abs(transfer(measured, truth[:30], method).network_ms(others) / truth[30:] - 1).mean()
        for method in METHODS
    }
    assert error[REFIT] < 0.6 * error[SCALE]
    assert error[REFIT] < 0.6 * error[BASE_AND_SCALE]
    refit = transfer(measured, truth[:30], REFIT)
    assert refit.coefficients is not None
    assert {name for name, value in refit.coefficients.items() if value == 0} == {
        name for name, value in PRIOR.items() if value == 0
    }


def test_a_refit_of_a_mere_scale_is_that_scale() -> None:
    source = known(20)
    refit = transfer(source, 3 * source.network_ms(), REFIT)
    assert refit.scale == pytest.approx(3)
    assert refit.coefficients == pytest.approx({name: 3 * value for name, value in PRIOR.items()})


@pytest.mark.parametrize(("method", "number"), [(SCALE, 5), (BASE_AND_SCALE, 12), (REFIT, 20)])
def test_one_bad_row_pulls_little(method: str, number: int) -> None:
    source = known(number)
    truth = 2 * source.network_ms()
    truth[0] *= 20
    error = np.abs(transfer(source, truth, method).network_ms(source) / (2 * source.network_ms()) - 1)
    assert error[1:].mean() < 0.1


def test_leaving_one_out_by_hand() -> None:
    source = known(3)
    factors = np.array([1.0, 1.1, 1.3])
    found = leave_one_out_ms(source, factors * source.network_ms(), SCALE)
    others = np.sqrt([1.1 * 1.3, 1.0 * 1.3, 1.0 * 1.1])  # two others: the middle of their logarithms
    assert found == pytest.approx(others * source.network_ms())


def test_the_method_follows_from_the_number_of_networks() -> None:
    chosen = {n: method_for(n, refittable=True) for n in (3, 9, 10, 14, 15, 100)}
    assert list(chosen.values()) == [SCALE, SCALE, BASE_AND_SCALE, BASE_AND_SCALE, REFIT, REFIT]
    assert method_for(100, refittable=False) == BASE_AND_SCALE
    with pytest.raises(InvalidData, match="2 usable networks are too few"):
        method_for(2, refittable=True)


def write(folder: Path, lines: list[str]) -> Path:
    path = folder / "my.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def measured_twice_as_slow(folder: Path, noise: float = 1.0) -> Path:
    device = load_device("iphone12")
    lines = []
    for k, name in enumerate(NAMES):
        ms = 2 * (device.base_ms() + device.kernels_ms(network_trace(name, 224).kernels))
        lines.append(f"{name},224,{ms * noise ** (-1) ** k:.6f},,My phone")
    return write(folder, lines)


def test_a_fitted_profile_is_carried(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    path = measured_twice_as_slow(tmp_path, noise=1.05)
    made = transfer_profile("iphone12", path, "mine", tmp_path / "out", Headings(runtime="Core ML"))
    old, new = load_device("iphone12").profile, load_device(str(tmp_path / "out" / "mine.yaml")).profile
    ratio = {name: new.coefficients[name] / value for name, value in old.coefficients.items() if value}
    assert list(ratio.values()) == pytest.approx([made.transferred.scale] * len(ratio), rel=1e-3)
    assert made.transferred.scale == pytest.approx(2, rel=0.06)
    assert (new.kind, new.name, new.conditions.device) == ("fitted", "mine", "My phone")
    assert (new.conditions.runtime, new.conditions.os) == ("Core ML", "unstated")
    assert new.source.startswith(
        "transferred from iphone12-coreml-ios16-fit-v1 by 5 measured networks of my.csv, scale"
    )
    assert made.before.mape == pytest.approx(0.5, abs=0.03)
    assert 0.03 < made.after.mape < 0.12
    assert new.error is not None
    assert old.error is not None
    assert new.error.method == "leave one out, 5 networks"
    assert new.error.mape == pytest.approx(made.after.mape, rel=1e-4)
    assert new.error.band == pytest.approx(np.hypot(made.after.mape, old.error.mape), rel=1e-4)
    held_out = read_check(check_path(made.path))
    assert [row.network for row in held_out] == list(NAMES)
    errors = [abs(row.predicted_ms / row.true_ms - 1) for row in held_out]
    assert float(np.mean(errors)) == pytest.approx(made.after.mape, rel=1e-3)


def test_carried_again_it_keeps_its_headings_and_nothing_else_is_overwritten(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    path = measured_twice_as_slow(tmp_path)
    transfer_profile("iphone12", path, "mine", tmp_path, Headings(title="mine-v1", os="17"))
    again = transfer_profile("iphone12", path, "mine", tmp_path)
    assert (again.profile.name, again.profile.conditions.os) == ("mine-v1", "17")
    with pytest.raises(InvalidInput, match="is what is to be transferred"):
        transfer_profile(str(tmp_path / "mine.yaml"), path, "mine", tmp_path)
    save_profile(load_device("iphone12").profile, tmp_path / "other.yaml")
    with pytest.raises(InvalidInput, match="was not made by calibrating"):
        transfer_profile("iphone12", path, "other", tmp_path)


@pytest.fixture
def table_device(tmp_path: Path) -> Path:
    """A measured profile: every block of the published networks took a millisecond, the base 2."""
    blocks = {
        block for name in ("s0", "s1", "s2") for block in chain(load_architecture(f"efficientformer:{name}"))
    }
    write_table(tmp_path / "laptop.csv", {block: Measured(1.0, 0.01, 30) for block in blocks})
    profile = Profile(
        name="laptop",
        kind="measured",
        description="a laptop",
        source="measured",
        conditions=Conditions("CPU", "ONNX Runtime", "Linux", "CPU", "float32", 1, "2026-11-21", 1),
        coefficients=PRIOR,
        resolution_px=(224, 224),
        table=TableSummary("laptop.csv", ("efficientformer",), len(blocks), 1, 30, 0.1, 0.01, 0.01, 9.0),
        calibration=Calibration(2.0, 1.0, 20),
    )
    path = tmp_path / "laptop.yaml"
    save_profile(profile, path)
    return path


def test_a_table_is_carried_with_its_blocks(table_device: Path, tmp_path: Path) -> None:
    depth = {name: len(chain(load_architecture(f"efficientformer:{name}"))) for name in ("s0", "s1", "s2")}
    lines = [f",,{3 * (2 + blocks)},efficientformer:{name}," for name, blocks in depth.items()]
    made = transfer_profile(str(table_device), write(tmp_path, lines), "related", tmp_path / "out")
    assert made.before.mape == pytest.approx(2 / 3)
    assert made.warnings == (
        "an error from 3 networks is rough; with 10 the base gets a factor of its own as well",
    )
    related = load_device(str(made.path))
    assert related.kind == "measured"
    assert related.base_ms() == pytest.approx(6)
    block = chain(load_architecture("efficientformer:s0"))[3]
    assert related.covers(block)
    assert related.block_ms(block, trace_block(block)[0].kernels) == pytest.approx(3)


def test_networks_beside_the_table_are_pointed_out(table_device: Path, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    lines = [",,30,efficientformer:s0,", ",,40,efficientformer:s1,", "resnet18,224,9,,"]
    made = transfer_profile(str(table_device), write(tmp_path, lines), "related", tmp_path)
    assert any("1 of 3 networks are not all in the table of laptop" in warning for warning in made.warnings)


def test_rows_of_one_network_count_once(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    lines = [
        "resnet18,224,1,,",
        "resnet18,,2,,",
        "resnet18,224,1.2,,",
        "resnet34,224,2,,",
        "repvit_m0_9,224,2,,",
    ]
    made = transfer_profile("iphone12", write(tmp_path, lines), "mine", tmp_path)
    assert made.measurements.true_ms.tolist() == [1.2, 2, 2]
    assert "lines 2, 3, 4 are all resnet18 (they differ by a factor of 2.00)" in made.warnings[0]
    assert made.profile.rows is not None
    assert (made.profile.rows.number, made.profile.rows.networks) == (5, 3)


def test_an_architecture_file_stands_beside_the_csv_and_takes_its_resolution_from_the_row(
    tmp_path: Path,
) -> None:
    pytest.importorskip("timm")
    architecture = load_architecture("efficientformer:s0")
    (tmp_path / "nets").mkdir()
    save_architecture(architecture, tmp_path / "nets" / "s0.yaml")
    lines = [",,1,nets/s0.yaml,", ",256,1.5,nets/s0.yaml,", ",224,1,efficientformer:s1,"]
    made = transfer_profile("iphone12", write(tmp_path, lines), "mine", tmp_path)
    same, larger, _ = made.measurements.networks
    whole = network_trace("efficientformerv2_s0", 224)
    assert same.body_ms == pytest.approx(load_device("iphone12").kernels_ms(whole.kernels), rel=0.02)
    assert larger.body_ms > same.body_ms
