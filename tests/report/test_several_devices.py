from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest

from vitnas.report.terminal.dry_run_table import dry_run_table
from vitnas.report.terminal.score_tables import score_tables
from vitnas.report.terminal.summary import report
from vitnas.report.terminal.tables import front_table

from .conftest import ROW, lines_of, row


def several(fakes: SimpleNamespace, names: list[str], **changes: Any) -> Any:
    """A result for several devices; the last one holds throughput."""
    costs = [*(f"latency_ms@{name}" for name in names[:-1]), f"throughput_per_s@{names[-1]}"]
    targets = tuple(
        fakes.target(
            name=name,
            label=f"{name}-v1 (fitted, not measured, ±10 %)",
            metric="throughput" if cost.startswith("throughput") else "latency",
            cost=cost,
            batch=256 if cost.startswith("throughput") else 1,
        )
        for name, cost in zip(names, costs, strict=True)
    )

    def for_all(member: Any) -> Any:
        base = {k: v for k, v in member.costs.items() if k != "latency_ms"}
        times = {cost: member.costs["latency_ms"] * (k + 1) for k, cost in enumerate(costs[:-1])}
        peaks = {f"peak_bytes@{t.name}": base["peak_bytes"] * t.batch for t in targets}
        rate = {costs[-1]: 20_000 / member.costs["latency_ms"]}
        return replace(member, costs={**base, **times, **rate, **peaks, "peak_bytes": max(peaks.values())})

    plain = fakes.result()
    values: dict[str, Any] = {
        "objectives": ("quality", *(c.replace("_ms", "").replace("_per_s", "") for c in costs)),
        "front": tuple(map(for_all, plain.front)),
        "references": tuple(map(for_all, plain.references)),
        "targets": targets,
    }
    return fakes.result(**{**values, **changes})


@pytest.mark.parametrize(
    "names",
    [
        ["iphone12", "rtx4090"],
        ["iphone12", "galaxy_s24_ultra", "rtx4090"],
        ["iphone12", "galaxy_s21", "galaxy_s22", "galaxy_s23", "galaxy_s24", "rtx4090"],
    ],
)
def test_a_report_for_several_devices_fits_80_columns(fakes: SimpleNamespace, names: list[str]) -> None:
    result = several(fakes, names)
    lines = lines_of(report(result))
    assert max(map(len, lines)) <= 80
    text = " ".join(lines)
    for name in names:
        assert f"{name}-v1 (fitted, not measured, ±10 %)" in text
    table = lines_of(front_table(result))
    cells = row(table, "01-01").split()
    assert cells[1 : len(names)] == [f"{0.94 * (k + 1):.2f}" for k in range(len(names) - 1)]
    assert cells[len(names)] == "21277"
    assert any(line.strip().startswith("◆× ") for line in table)
    assert any(line.strip().startswith("◆! ") for line in table)
    assert "memory: of rtx4090, which needs the most (float16, a call of 256 images)." in text
    assert "apart by latency or throughput" in text


def test_bands_stand_beside_each_time_where_there_is_room(fakes: SimpleNamespace) -> None:
    lines = lines_of(front_table(several(fakes, ["iphone12", "galaxy_s24", "rtx4090"])), 140)
    assert row(lines, "01-01").split()[1:7] == ["0.94", "±0.09", "1.88", "±0.18", "21277", "±2053"]
    header = " ".join(lines[:3])
    for word in ("iphone12", "galaxy s24", "rtx4090", "images/s", "ms"):
        assert word in header


def test_throughput_alone_goes_from_fast_to_slow(fakes: SimpleNamespace) -> None:
    gpu = fakes.target(name="gpu", metric="throughput", cost="throughput_per_s", batch=256)
    front = tuple(
        replace(m, costs={**m.costs, "latency_ms": None, "throughput_per_s": 1000.0 * k})
        for k, m in enumerate(fakes.result().front, 1)
    )
    result = fakes.result(
        front=front, references=(), targets=(gpu,), objectives=("quality", "throughput", "params")
    )
    lines = lines_of(report(result))
    found = [line.split()[0] for line in lines if "0a1b2" in line or "a1b2" in line]
    assert found == sorted(found, reverse=True)
    assert any("throughput images/s" in line for line in lines)
    assert "memory: of a call of 256 images." in lines


def test_what_is_predicted_is_marked_and_told(fakes: SimpleNamespace) -> None:
    laptop = fakes.target(name="laptop", kind="measured", label="laptop (measured, ±3 %)")
    whole, part = fakes.coverage(1.0), fakes.coverage(0.876, 0.08)
    shown = (
        fakes.member(1, coverage={"laptop": whole}),
        fakes.member(2, coverage={"laptop": part}),
    )
    lines = lines_of(front_table(fakes.result(front=shown, references=(), targets=(laptop,))), 120)
    assert row(lines, "01-01")
    assert row(lines, "~").split()[1].startswith("02-02")
    text = " ".join(lines)
    assert "87 to 100 % of it measured, the rest predicted (up to ±8 % a block)." in text
    assert "~ part of its time is predicted from other blocks, not measured." in text
    alone = " ".join(
        lines_of(front_table(fakes.result(front=shown[1:], references=(), targets=(laptop,))), 120)
    )
    assert "laptop (measured, ±3 %); 87 % of it measured, 13 % predicted (±8 % a block)." in alone
    full = " ".join(lines_of(front_table(fakes.result(front=shown[:1], references=(), targets=(laptop,)))))
    assert "; all of it measured." in full
    assert "~" not in full


def test_nearly_all_is_not_all(fakes: SimpleNamespace) -> None:
    assert str(fakes.coverage(0.9999, 0.08)) == "99 % of it measured, 1 % predicted (±8 % a block)"
    assert str(fakes.coverage(0.5)) == "50 % of it measured, 50 % predicted"


def test_a_devices_own_limit_is_told(fakes: SimpleNamespace) -> None:
    limit = "peak_bytes <= 320.0 KiB (limit of board)"
    board = fakes.target(name="board", label="board (limits only, no latency)", metric="none", cost="")
    text = " ".join(lines_of(front_table(fakes.result(targets=(board,), limits=(limit,)))))
    assert f"budget of a device itself: {limit}." in text
    assert "device: board (limits only, no latency)." in text


def test_dry_run_for_several_devices(fakes: SimpleNamespace) -> None:
    gpu = fakes.target(name="gpu", label="gpu (fitted)", metric="throughput", cost="throughput_per_s@gpu")
    costs = {"latency_ms@iphone12": (0.6, 1.7, 5.9), "throughput_per_s@gpu": (900.0, 5000.0, 20_000.0)}
    both = (fakes.target(cost="latency_ms@iphone12"), gpu)
    lines = lines_of(dry_run_table(fakes.dry(costs=costs, targets=both, objectives=("quality", "latency"))))
    assert row(lines, "throughput gpu").split() == [
        "throughput",
        "gpu",
        "900/s",
        "5.00",
        "K/s",
        "20.0",
        "K/s",
    ]
    assert f"latency: {fakes.label}" in lines
    assert "throughput: gpu (fitted)" in lines
    assert "objectives: quality, latency" in lines


def test_scores_on_several_devices(fakes: SimpleNamespace) -> None:
    targets = [
        {
            **asdict(fakes.target(cost="latency_ms@iphone12")),
            "coverage": {"measured": 0.97, "block_error": 0.08},
        },
        asdict(
            fakes.target(name="gpu", label="gpu (fitted)", metric="throughput", cost="throughput_per_s@gpu")
        ),
    ]
    scored = {
        **{k: v for k, v in ROW.items() if k != "latency_ms"},
        **{"latency_ms@iphone12": 0.9, "throughput_per_s@gpu": 5000.0, "targets": targets},
        "exceeds": ["peak_bytes <= 320.0 KiB (limit of board)"],
    }
    text = " ".join(lines_of(score_tables([scored])))
    assert "; 97 % of it measured, 3 % predicted (±8 % a block)" in text
    assert "throughput: gpu (fitted)" in text
    assert "× efficientformer-s0 exceeds peak_bytes <= 320.0 KiB (limit of board)" in text
