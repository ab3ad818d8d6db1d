"""Results of a kit become a device, or are refused in words."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch

from vitnas import plugins
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData, InvalidInput, UnknownName
from vitnas.hardware.devices.measured import MeasuredDevice
from vitnas.hardware.kit import write
from vitnas.hardware.kit.checks import larger_but_faster, unit_problem
from vitnas.hardware.kit.import_results import call_cost_ms
from vitnas.hardware.kit.manifest import write_manifest
from vitnas.hardware.kit.results import InvalidResults
from vitnas.hardware.load_device import load_device
from vitnas.hardware.measure.plan import make_plan
from vitnas.hardware.measure.run import MeasureSettings, measure_profile
from vitnas.hardware.measure.session import Session
from vitnas.hardware.measure.timing import best_visits
from vitnas.hardware.profile.block_table import Measured
from vitnas.space.files import load_space

from .conftest import BASE_MS, EMPTY_MS, SCALE, Fake, Kit, Silent, Stub, work_ms


def test_results_become_a_device(kit):
    kit.write()
    result = kit.take(runtime="TFLite 2.17", threads=4)
    profile = result.made.profile
    assert profile.kind == "imported" and profile.conditions.runtime == "TFLite 2.17"
    assert (profile.conditions.threads, profile.conditions.dtype) == (4, "float32")
    assert profile.calibration.scale == pytest.approx(SCALE, rel=1e-3)
    assert profile.calibration.base_ms == pytest.approx(BASE_MS, rel=1e-2)
    assert profile.table.empty_ms == pytest.approx(EMPTY_MS) and profile.error.mape < 1e-3
    assert [(c.op, c.blocks, c.in_kit, c.measured) for c in result.coverage] == [
        ("conv_down", 4, 4, 4), ("conv_ffn", 8, 8, 8), ("conv_stem", 2, 2, 2), ("pooled_classifier", 2, 2, 2),
    ]  # fmt: skip
    device = load_device(str(result.path))
    assert isinstance(device, MeasuredDevice) and device.kind == "imported"
    space = load_space(str(kit.folder.parent / "tiny.yaml"))
    genomes = space.sample(20, np.random.default_rng(3))
    prices = CostTable.build(space, device).price(genomes)["latency_ms"]
    assert np.isfinite(prices).all() and (prices > BASE_MS).all()
    assert not [text for text in kit.warnings if "nobody" in text]


def test_an_import_of_visits_is_the_measurement(make_kit, monkeypatch, tmp_path):
    """The same times give the same table, calibration and error, whichever way they come."""
    kit = make_kit()
    load, fake = plugins.load_plugin, Fake()
    monkeypatch.setattr(
        plugins,
        "load_plugin",
        lambda kind, name: (lambda threads: fake) if name == "fake" else load(kind, name),
    )
    space = str(kit.folder.parent / "tiny.yaml")
    settings = MeasureSettings((space,), "here", "fake", tmp_path / "measured", networks=8)
    measured = measure_profile(settings, Silent())
    log = tmp_path / "measured" / "here.measure.jsonl"
    first = json.loads(log.read_text().split("\n")[0])
    best = best_visits(Session(log, first["settings"]).visits)
    rows = {key: f"{v.median_ms!r},{v.iqr_ms!r},{v.runs}" for key, v in best.items()}
    imported = kit.take(kit.write(rows, "id,latency_ms,iqr_ms,runs"))
    assert imported.made.table == measured.made.table and len(imported.made.table) == 16
    assert imported.made.held_out == measured.made.held_out
    one, other = imported.made.profile, measured.profile
    assert (one.calibration, one.prediction) == (other.calibration, other.prediction)
    assert repr(one.error) == repr(other.error)  # some of its figures are nan
    assert one.table.runs == other.table.runs and one.table.median_iqr == other.table.median_iqr
    assert math.isnan(one.table.drift) and math.isnan(one.table.seconds)


def test_conditions_beside_the_results_are_taken(kit):
    path = kit.write()
    beside = {"device": "Nokia", "runtime": "ONNX Runtime 1.31", "threads": 2, "os": "Linux"}
    path.with_name("results.conditions.json").write_text(json.dumps(beside))
    conditions = kit.take(device=None, os=None, threads=3).made.profile.conditions
    assert (conditions.device, conditions.runtime, conditions.os) == ("Nokia", "ONNX Runtime 1.31", "Linux")
    assert conditions.threads == 3 and conditions.compute_units == "CPU"
    path.with_name("results.conditions.json").write_text("{")
    with pytest.raises(InvalidData, match=r"results.conditions.json:1: is no JSON"):
        kit.take()


def test_what_nobody_states_is_said(kit):
    kit.write()
    conditions = kit.take(device=None, os=None).made.profile.conditions
    assert conditions.device == conditions.os == "not stated"
    assert any("`device` and `os`" in text for text in kit.warnings)


def test_blocks_of_another_kit_are_refused_by_name(kit):
    path = kit.write({**kit.times, "0123456789ab": 0.5, "ba9876543210": 0.25})
    with pytest.raises(
        InvalidResults, match=r"'0123456789ab' is no model of .*kit; is it of another"
    ) as found:
        kit.take()
    assert len(found.value.problems) == 2 and path.name in found.value.problems[1]
    assert not (kit.folder.parent / "out").exists()


@pytest.mark.parametrize(("factor", "unit", "word"), [(1e-3, "s", "too fast"), (1e3, "us", "too slow")])
def test_another_unit_is_refused_until_it_is_said(kit, factor, unit, word):
    kit.write({key: ms * factor for key, ms in kit.times.items()})
    with pytest.raises(InvalidData, match=f"{word} for milliseconds: .*Say the unit with `unit`"):
        kit.take()
    result = kit.take(unit=unit)
    assert result.made.profile.table.empty_ms == pytest.approx(EMPTY_MS)


def test_the_unit_is_judged_by_speed_where_the_empty_call_is_missing(kit):
    plan = make_plan([load_space(str(kit.folder.parent / "tiny.yaml"))], networks=0)
    big = max(plan.blocks, key=lambda p: plan.traces[p.block].macs)
    macs = plan.traces[big.block].macs
    at = {speed: {big.id: 1e3 * macs / speed} for speed in (30e6, 1e9, 50e12, 150e12)}
    found = [unit_problem(plan, list(plan.probes), raw, "empty") for raw in at.values()]
    assert "microseconds?" in found[0] and not found[1] and "seconds?" in found[3]
    assert "150e12 MACs/s" in found[3] and "1e12" not in found[2].split("e12")[0]


def test_networks_in_another_unit_are_refused(kit):
    kit.write({key: ms * (1e3 if key in kit.networks else 1) for key, ms in kit.times.items()})
    with pytest.raises(InvalidData, match="times as long as their blocks together; are both in milliseconds"):
        kit.take()


def test_half_of_the_blocks_is_enough_and_less_is_not(kit):
    half = set(kit.blocks[::2])
    few = set(kit.blocks[:7])
    kit.write({key: ms for key, ms in kit.times.items() if key not in kit.blocks or key in few})
    message = r"7 of the kit's 16 blocks have a time, and 8 are needed; measure 1 more of .*\(0 of "
    with pytest.raises(InvalidData, match=message):
        kit.take()
    kit.write({key: ms for key, ms in kit.times.items() if key not in kit.blocks or key in half})
    result = kit.take()
    assert result.made.profile.table.blocks == 8 == sum(c.measured for c in result.coverage)
    assert result.made.profile.error is not None


def test_a_kit_of_some_blocks_counts_its_own(make_kit):
    kit = make_kit(blocks=8)
    kit.write()
    result = kit.take()
    assert sum(c.in_kit for c in result.coverage) == 8 and sum(c.blocks for c in result.coverage) == 16
    assert "8 of 16 blocks of tiny" in result.made.profile.source


def test_models_that_were_refused_are_not_asked_for(kit):
    refused = set(kit.blocks[:9])
    write_manifest(kit.folder, kit.manifest.with_problems(dict.fromkeys(refused, "no such operator")))
    kit.write({key: ms for key, ms in kit.times.items() if key not in refused})
    assert sum(c.in_kit for c in kit.take().coverage) == 7


def test_without_networks_nothing_is_calibrated_and_no_error_stated(kit):
    kit.write({key: ms for key, ms in kit.times.items() if key not in kit.networks})
    result = kit.take()
    profile = result.made.profile
    assert profile.error is None and (profile.calibration.scale, profile.calibration.networks) == (1.0, 0)
    assert profile.calibration.base_ms == pytest.approx(EMPTY_MS)
    assert any("0 of the networks that calibrate were measured" in text for text in kit.warnings)
    assert any("states no error" in text for text in kit.warnings)
    assert math.isnan(load_device(str(result.path)).band)


def test_a_slow_block_is_warned_of_by_name(kit):
    name = next(p.name for p in kit.manifest.probes if p.id == kit.blocks[3])
    kit.write({**kit.times, kit.blocks[3]: 20 * kit.times[kit.blocks[3]]})
    kit.take()
    assert any(text.startswith(f"outlier: {name} takes") for text in kit.warnings)


def test_a_network_far_from_its_blocks_is_warned_of(kit):
    key = kit.networks[0]
    kit.write({**kit.times, key: 4 * kit.times[key]})
    kit.take()
    assert next(text for text in kit.warnings if text.startswith("network far from its blocks")).count(key)


def test_a_larger_block_that_is_faster_is_warned_of(kit):
    plan = make_plan([load_space(str(kit.folder.parent / "tiny.yaml"))], networks=0)
    ffn = sorted(
        (p for p in plan.blocks if p.block.op == "conv_ffn" and p.block.width == 16),
        key=lambda p: plan.traces[p.block].macs,
    )
    small, large = ffn
    kit.write({**kit.times, large.id: 0.8 * kit.times[small.id]})
    kit.take()
    (warning,) = [text for text in kit.warnings if text.startswith("larger but faster")]
    assert warning.index(large.name) < warning.index(small.name)
    table = {p.block: Measured(kit.times[p.id], 0, 1) for p in plan.blocks}
    assert not larger_but_faster(table, plan.traces, 0.0)
    table[large.block] = Measured(0.95 * table[small.block].latency_ms, 0, 1)  # within 10 %
    assert not larger_but_faster(table, plan.traces, 0.0)


def test_a_call_is_found_from_blocks_alone_and_in_chains(make_kit):
    """An accelerator's calls cost 0.5 ms, and the empty model does not run there."""
    kit = make_kit(copies=8)
    call = 0.5 - EMPTY_MS
    raw = {key: ms + (0 if key in ("empty", *kit.networks) else call) for key, ms in kit.times.items()}
    kit.write(raw)
    table = kit.take().made.profile.table
    assert table.empty_ms == pytest.approx(0.5) and table.copies == 8
    one_copy = make_kit("other")
    one_copy.write()
    plain = one_copy.take(name="plain").made.table
    for block, time in kit.take().made.table.items():
        assert time.latency_ms == pytest.approx(plain[block].latency_ms, rel=1e-6)
    assert call_cost_ms([], {"empty": 0.25}) == 0.25 and call_cost_ms([], {}) is None


def test_a_kit_for_another_resolution_and_batch_is_imported_as_such(make_kit, tmp_path):
    kit = make_kit("large", resolution_px=64, batch=4)
    shapes = {p.shape for p in kit.manifest.probes if p.kind == "network"}
    assert shapes == {(4, 3, 64, 64)}
    space = load_space(str(tmp_path / "tiny.yaml")).at_resolution(64)
    plan = make_plan([space], networks=8, batch=4)
    with torch.device("meta"):
        kit.times = {p.id: work_ms(p.module()) for p in plan.probes}
    kit.write()
    profile = kit.take().made.profile
    assert (profile.conditions.batch, profile.resolution_px) == (4, (64, 64))
    assert profile.calibration.scale == pytest.approx(SCALE, rel=1e-3)


def test_without_any_call_nothing_is_subtracted(kit):
    kit.write({key: ms for key, ms in kit.times.items() if key != "empty"})
    assert kit.take().made.profile.table.empty_ms == 0
    assert any("nothing is subtracted" in text for text in kit.warnings)


def test_an_edited_kit_is_refused(kit):
    kit.write()
    path = kit.folder / "spaces" / "tiny.yaml"
    path.write_text(path.read_text().replace("[24, 32]", "[24, 40]"))
    with pytest.raises(InvalidData, match="its spaces give other models than it lists"):
        kit.take()
    with pytest.raises(
        InvalidData, match=r"is no kit: it holds no kit.json; name the kit's folder with `kit`"
    ):
        kit.take(kit=kit.folder / "models")
    (kit.folder / "kit.json").write_text('{"format": 9}')
    with pytest.raises(InvalidData, match="format 9 is not one that this version reads"):
        kit.take()


def test_a_device_of_another_kind_is_not_overwritten(kit):
    kit.write()
    result = kit.take()
    kit.take()  # an imported one may be imported again
    result.path.write_text(result.path.read_text().replace("kind: imported", "kind: measured"))
    with pytest.raises(InvalidInput, match="was not imported; choose another `name`"):
        kit.take()


def test_settings_are_checked(kit):
    with pytest.raises(InvalidInput, match="`name`: 'a/b' is no name"):
        kit.take(name="a/b")
    with pytest.raises(UnknownName, match="`unit`: unknown unit 'min'"):
        kit.take(unit="min")
    with pytest.raises(UnknownName, match="`dtype`: unknown dtype 'fp16'"):
        kit.take(dtype="fp16")


def test_the_list_of_results_by_hand_can_be_imported(make_kit, monkeypatch, tmp_path):
    by_hand = Stub()
    by_hand.by_hand = True
    monkeypatch.setattr(write, "load_exporter", lambda name: by_hand)
    kit = Kit(tmp_path / "hand", copies=8)
    with (kit.folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {p.id: p.kind for p in kit.manifest.probes}
    order = [kinds[row["id"]] for row in rows]
    assert order == sorted(order, key=["empty", "single", "network", "block"].index)
    with pytest.raises(InvalidResults, match="no row holds a time"):
        kit.take()
    with (kit.folder / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "latency_ms": kit.times[row["id"]]} for row in rows)
    assert kit.take().made.profile.table.blocks == 16
