"""A measurement from beginning to end, in a runtime whose times are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.cost.pricer import price_architecture
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput, RunCorrupt
from vitnas.hardware.devices.measured import MeasuredDevice
from vitnas.hardware.load_device import load_device
from vitnas.hardware.measure.run import MeasureSettings, measure_profile
from vitnas.hardware.published.compare_file import check_path, read_check
from vitnas.ops.conv_down import ConvDown
from vitnas.space.chain import chain
from vitnas.space.files import load_space


@pytest.fixture
def settings(space_file, tmp_path):
    def make(**changes):
        base = {"spaces": (space_file,), "name": "lap", "runtime": "fake", "out": tmp_path / "out"}
        return MeasureSettings(**{**base, "networks": 8, **changes})

    return make


def true_ms(architecture) -> float:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in build(architecture).parameters())
    return 0.2 + 1.1 * parameters / 1e4


def test_a_table_predicts_the_networks_that_it_was_not_made_from(settings, fake, watched):
    result = measure_profile(settings(), watched())
    profile = result.profile
    assert profile.kind == "measured" and not result.problems
    assert profile.calibration.scale == pytest.approx(1.1, rel=1e-3)
    assert profile.calibration.base_ms == pytest.approx(0.2, rel=1e-2)
    assert profile.calibration.networks == 4
    assert profile.error.mape < 1e-3 < 0.05 < profile.error.macs_only_mape
    assert profile.table.empty_ms == pytest.approx(0.01)
    held_out = read_check(check_path(result.path))
    assert {row.family for row in held_out} == {"random"} and len(held_out) == 4
    device = load_device(str(result.path))
    assert isinstance(device, MeasuredDevice) and device.name == "lap" and "measured" in device.label
    space = load_space(settings().spaces[0])
    genomes = space.sample(50, np.random.default_rng(5))
    prices = CostTable.build(space, device).price(genomes)["latency_ms"]
    for genome, price in zip(genomes, prices, strict=True):
        architecture = space.decode(genome)
        assert price == pytest.approx(true_ms(architecture), rel=1e-3)
        assert price_architecture(architecture, device)["latency_ms"] == pytest.approx(price)
        assert all(device.covers(block) for block in chain(architecture))


def test_every_distinct_block_is_measured_once(settings, fake, watched):
    watcher = watched()
    result = measure_profile(settings(), watcher)
    assert len(watcher.seen) == len(set(watcher.seen))
    assert result.profile.table.blocks == len(result.made.table) == 2 + 2 * 2 + 4 + 2 * 2 + 2
    assert sum(isinstance(module, Network) for module in fake.prepared) == 8


def test_an_interrupted_measurement_goes_on(settings, fake, watched, tmp_path):
    whole = measure_profile(settings(name="whole"), watched())
    first = watched(stop_after=7)
    with pytest.raises(KeyboardInterrupt, match="interrupted after 7 of 25; nothing is lost"):
        measure_profile(settings(), first)
    log = tmp_path / "out" / "lap.measure.jsonl"
    log.write_bytes(log.read_bytes() + b'{"visit":{"probe":"cut off by a k')
    second = watched()
    with pytest.warns(UserWarning, match="was not written completely"):
        result = measure_profile(settings(), second)
    assert second.left == 18 and not set(first.seen) & set(second.seen)
    assert result.made.table == whole.made.table and result.made.held_out == whole.made.held_out
    third = watched()
    measure_profile(settings(), third)
    assert third.left == 0 and not third.seen


def test_settings_of_a_begun_measurement_cannot_change(settings, fake, watched):
    measure_profile(settings(), watched())
    with pytest.raises(InvalidInput, match="begun with batch 1, not 2; choose another `name`, or `fresh`"):
        measure_profile(settings(batch=2), watched())
    again = watched()
    measure_profile(settings(batch=2, fresh=True), again)
    assert len(again.seen) == 25


def test_another_space_adds_to_the_table(settings, fake, watched, tmp_path, space_file):
    other = tmp_path / "wider.yaml"
    text = Path(space_file).read_text()
    other.write_text(text.replace("name: tiny", "name: wider").replace("[24, 32]", "[32, 40]"))
    before = measure_profile(settings(), watched())
    watcher = watched()
    result = measure_profile(settings(spaces=(str(other),)), watcher)
    assert result.profile.table.spaces == ("tiny", "wider")
    assert set(before.made.table) < set(result.made.table)
    assert result.profile.calibration.networks == 8


def test_a_block_that_cannot_be_converted_is_named_and_predicted(settings, fake, watched):
    fake.refused = (ConvDown,)
    result = measure_profile(settings(), watched())
    assert {probe.block.op for probe, _ in result.problems} == {"conv_down"}
    assert {reason for _, reason in result.problems} == {"it holds what this runtime cannot run"}
    device = load_device(str(result.path))
    space = load_space(settings().spaces[0])
    blocks = chain(space.decode(space.sample(1, np.random.default_rng(0))[0]))
    assert [device.covers(b) for b in blocks] == [b.op != "conv_down" for b in blocks]
    missing = next(b for b in blocks if b.op == "conv_down")
    from vitnas.cost.pricer import trace_block

    assert 0 < device.block_ms(missing, trace_block(missing)[0].kernels) < 10


def test_a_chain_of_copies_gives_the_time_of_one(settings, fake, watched):
    one = measure_profile(settings(), watched()).made.table
    chained = measure_profile(settings(name="chained", copies=4), watched()).made.table
    assert {b: t.latency_ms for b, t in chained.items()} == pytest.approx(
        {b: t.latency_ms for b, t in one.items()}
    )
    longest = max(len(module) for module in fake.prepared if isinstance(module, torch.nn.Sequential))
    assert longest == 4


def test_a_device_that_was_not_measured_is_not_overwritten(settings, fake, watched, tmp_path):
    (tmp_path / "out").mkdir()
    shipped = Path(__file__).parents[3] / "hardware_profiles" / "iphone12.yaml"
    (tmp_path / "out" / "lap.yaml").write_text(shipped.read_text())
    with pytest.raises(InvalidInput, match="was not measured here; choose another `name`"):
        measure_profile(settings(), watched())
    assert "iphone12" in (tmp_path / "out" / "lap.yaml").read_text()


def test_a_broken_log_is_an_error(settings, fake, watched, tmp_path):
    measure_profile(settings(), watched())
    log = tmp_path / "out" / "lap.measure.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join([lines[0], "not JSON", *lines[1:]]) + "\n")
    with pytest.raises(RunCorrupt, match=r"lap\.measure\.jsonl: line 2 is broken"):
        measure_profile(settings(), watched())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threads": 0}, "`threads`: expected at least 1, got 0"),
        ({"runs": 1}, "`runs`: expected at least 5, got 1"),
        ({"name": "a/b"}, "`name`: 'a/b' is no name"),
        ({"spaces": ()}, "name a space"),
    ],
)
def test_wrong_settings(settings, change, message):
    with pytest.raises(InvalidInput, match=message):
        settings(**change)


def test_eager_runtimes_are_warned_about(settings, fake, watched):
    fake.eager = True
    watcher = watched()
    measure_profile(settings(), watcher)
    assert len(watcher.warnings) == 1 and "rank differently" in watcher.warnings[0]


def test_fresh_keeps_the_old_log_until_the_new_one_is_complete(settings, fake, watched, tmp_path):
    measure_profile(settings(), watched())
    out = tmp_path / "out"
    before = {file.name: file.read_bytes() for file in out.iterdir() if not file.name.startswith(".")}
    with pytest.raises(InvalidInput, match="tinny"):
        measure_profile(settings(spaces=("tinny",), fresh=True), watched())
    with pytest.raises(KeyboardInterrupt):
        measure_profile(settings(fresh=True), watched(stop_after=7))
    assert all((out / name).read_bytes() == data for name, data in before.items())
    second = watched()
    measure_profile(settings(fresh=True), second)
    assert second.left == 18
    kept = sorted(file.name for file in out.iterdir() if not file.name.startswith("."))
    assert kept == ["lap.check.csv", "lap.csv", "lap.measure.jsonl", "lap.yaml"]
    third = watched()
    measure_profile(settings(), third)
    assert third.left == 0


def test_nothing_is_made_for_a_space_that_is_not_there(settings, fake, watched, tmp_path):
    with pytest.raises(InvalidInput, match="tinny"):
        measure_profile(settings(spaces=("tinny",)), watched())
    assert not (tmp_path / "out").exists()
