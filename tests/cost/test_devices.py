"""One table for several devices: each as if it were alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vitnas.cost.priced import Figures
from vitnas.cost.pricer import BlockPricer, coverage, price_architecture
from vitnas.cost.table import CostTable
from vitnas.hardware.profile.block_table import Measured
from vitnas.space.chain import chain
from vitnas.space.files import load_space
from vitnas.space.space import Space

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def space() -> Space:
    return load_space(
        {
            "name": "small",
            "input": {"channels": 3, "resolution_px": 64},
            "classes": 10,
            "stem": {"op": "conv_stem"},
            "stages": [
                {
                    "width": {"choice": [16, 32]},
                    "blocks": [
                        {"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [2, 4]}}
                    ],
                }
            ],
            "head": {"op": "pooled_classifier"},
        }
    )


def genomes(space: Space, n: int = 40) -> np.ndarray:
    return space.sample(n, np.random.default_rng(0))


def test_names_without_with_one_and_with_several_devices(make_device: Make) -> None:
    phone, gpu = make_device("phone"), make_device("gpu", metric="throughput", batch=256)
    assert Figures().names == (*Figures().counts, "latency_ms", "peak_bytes")
    assert Figures().known == (*Figures().counts, "peak_bytes")
    assert Figures((phone,)).known == (*Figures().counts, "latency_ms", "peak_bytes")
    assert Figures((gpu,)).known == (*Figures().counts, "throughput_per_s", "peak_bytes")
    assert Figures((phone, gpu)).known == (
        *Figures().counts,
        *("latency_ms@phone", "throughput_per_s@gpu"),
        *("peak_bytes", "peak_bytes@phone", "peak_bytes@gpu"),
    )


def test_a_figure_is_found_for_one_device_or_all(make_device: Make) -> None:
    phone, gpu = make_device("phone"), make_device("gpu", metric="throughput")
    both, alone = Figures((phone, gpu)), Figures((phone,))
    assert both.of("latency_ms") == ("latency_ms@phone",)
    assert both.of("latency_ms", "gpu") == ()
    assert both.of("peak_bytes") == ("peak_bytes",)
    assert both.of("peak_bytes", "gpu") == ("peak_bytes@gpu",)
    assert both.of("params", "gpu") == ()
    assert alone.of("latency_ms", "phone") == alone.of("latency_ms") == ("latency_ms",)
    assert alone.of("throughput_per_s") == Figures().of("latency_ms") == ()


def test_each_of_several_devices_is_priced_as_if_it_were_alone(space: Space, make_device: Make) -> None:
    phone, slow = make_device("phone"), make_device("slow", slower=3.0, dtype="float32")
    limits = make_device("board", metric="none", dtype="int8")
    rows = genomes(space)
    together = CostTable.build(space, (phone, slow, limits)).price(rows)
    for device in (phone, slow):
        alone = CostTable.build(space, device).price(rows)
        assert together[f"latency_ms@{device.name}"] == pytest.approx(alone["latency_ms"], rel=1e-12)
        assert (together[f"peak_bytes@{device.name}"] == alone["peak_bytes"]).all()
        assert (together["macs"] == alone["macs"]).all()
    assert "latency_ms@board" not in together.columns
    assert (together["peak_bytes@board"] * 4 == together["peak_bytes@slow"]).all()
    assert (together["peak_bytes"] == together["peak_bytes@slow"]).all()  # that of the most bytes


def test_throughput_is_images_a_second_of_the_price_of_an_image(space: Space, make_device: Make) -> None:
    gpu = make_device("gpu", metric="throughput", batch=256)
    costs = CostTable.build(space, gpu).price(genomes(space))
    ms = CostTable.build(space, make_device("gpu")).price(genomes(space))["latency_ms"]
    assert costs["throughput_per_s"] == pytest.approx(1000 / ms)
    row = costs.row(3)
    assert list(row) == [*Figures().counts, "throughput_per_s", "peak_bytes"]
    assert isinstance(row["throughput_per_s"], float)


def test_peak_memory_is_that_of_a_call(space: Space, make_device: Make) -> None:
    rows = genomes(space, 5)
    one = CostTable.build(space).price(rows)["peak_bytes"]
    assert (CostTable.build(space, batch=8).price(rows)["peak_bytes"] == 8 * one).all()
    gpu = make_device("gpu", metric="throughput", batch=16)  # float16, its own batch
    assert (CostTable.build(space, gpu).price(rows)["peak_bytes"] == 16 * one / 2).all()
    assert price_architecture(space.decode(rows[0]), batch=8)["peak_bytes"] == 8 * one[0]


def test_a_device_with_limits_only_has_no_time(space: Space, make_device: Make) -> None:
    board = make_device("board", metric="none", dtype="int8")
    row = CostTable.build(space, board).price_one(genomes(space)[0])
    assert row["latency_ms"] is None
    assert row == price_architecture(space.decode(genomes(space)[0]), board)


def test_architectures_are_priced_like_genomes(space: Space, make_device: Make) -> None:
    devices = (make_device("phone"), make_device("gpu", metric="throughput", batch=4))
    table = CostTable.build(space, devices, batch=4)
    for genome in genomes(space, 5):
        priced = price_architecture(space.decode(genome), devices, batch=4)
        assert list(priced) == list(table.price_one(genome))
        assert priced == pytest.approx(table.price_one(genome), rel=1e-9)


@pytest.fixture(scope="module")
def half_measured(space: Space, make_device: Make) -> Any:
    """A device whose table lacks the blocks of width 32."""
    found = {b for g in genomes(space, 100) for b in chain(space.decode(g))}
    assert {b.width for b in found} > {16, 32}
    return make_device("half", table={b: Measured(0.5, 0.01, 30) for b in found if b.width != 32})


def test_coverage_is_the_share_of_time_that_the_table_holds(space: Space, half_measured: Any) -> None:
    table = CostTable.build(space, (half_measured,))
    rows = genomes(space)
    shares = table.coverage(rows)["half"]
    times = table.price(rows)["latency_ms"]
    pricer = BlockPricer(Figures((half_measured,)))
    for genome, share, ms in zip(rows, shares, times, strict=True):
        architecture = space.decode(genome)
        blocks = chain(architecture)
        predicted = sum(float(pricer.row(b)[3]) for b in blocks if not half_measured.covers(b))
        assert share == pytest.approx(1 - predicted / ms, rel=1e-9)
        assert coverage(architecture, half_measured) == pytest.approx(share, rel=1e-9)
    narrow = [all(b.width != 32 for b in chain(space.decode(g))) for g in rows]
    assert (shares[narrow] == 1).all()
    assert (shares[~np.array(narrow)] < 1).all()


def test_coverage_is_told_of_devices_with_a_table_alone(
    space: Space, make_device: Make, half_measured: Any
) -> None:
    both = CostTable.build(space, (make_device("phone"), half_measured))
    alone = CostTable.build(space, half_measured)
    rows = genomes(space)
    assert list(both.coverage(rows)) == ["half"]
    assert both.coverage(rows)["half"] == pytest.approx(alone.coverage(rows)["half"])
    assert CostTable.build(space, make_device("phone")).coverage(rows) == {}


def test_tables_of_other_devices_are_other_files(
    space: Space, make_device: Make, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path))
    phone, slow = make_device("phone"), make_device("slow", slower=3.0)
    rows = genomes(space, 3)
    tables = [CostTable.cached(space, d) for d in ((phone, slow), (slow, phone), phone)]
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    again = CostTable.cached(space, (slow, phone), batch=2).price(rows)
    assert len(list(tmp_path.rglob("*.npz"))) == 3  # the batch is no part of a table
    for name in ("latency_ms@phone", "latency_ms@slow"):
        assert (again[name] == tables[0].price(rows)[name]).all()
