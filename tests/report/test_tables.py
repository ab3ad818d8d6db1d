from __future__ import annotations

import io
import math
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console, RenderableType

from vitnas.report.axes import AXES
from vitnas.report.columns import Column, fit
from vitnas.report.dry_run import dry_run_table
from vitnas.report.scores import score_tables
from vitnas.report.summary import report
from vitnas.report.tables import front_table
from vitnas.report.words import count, duration, ratio, share, speed


def lines_of(renderable: RenderableType, width: int = 80) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(renderable)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def row(lines: list[str], start: str) -> str:
    return next(line.strip() for line in lines if line.strip().startswith(start))


@pytest.mark.parametrize("width", [50, 80, 120])
def test_a_report_fits_its_console(fakes: SimpleNamespace, width: int) -> None:
    lines = lines_of(report(fakes.result()), width)
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)


def test_everything_that_a_front_is_judged_by_fits_80_columns(fakes: SimpleNamespace) -> None:
    lines = lines_of(front_table(fakes.result()))
    header = " ".join(lines[:2])
    for word in ("network", "latency", "params", "MACs", "memory", "depth", "quality", "health", "top-1"):
        assert word in header
    assert row(lines, "05-05").split() == [
        "05-05a1b2…",
        "1.30",
        "±0.13",
        "9.00",
        "0.950",
        "2.0",
        "27",
        "0.550",
        "ok",
    ]


def test_published_networks_stand_among_the_front_by_latency(fakes: SimpleNamespace) -> None:
    lines = lines_of(front_table(fakes.result()))
    order = [line.partition("±")[0].split()[:-1] for line in lines if "±0." in line]
    assert [entry for entry in order if len(entry) > 1] == [["◆", "s0"], ["◆!", "s2"], ["◆×", "l"]]
    assert order.index(["◆!", "s2"]) == 6
    assert row(lines, "◆  s0").split()[-2:] == ["76.7", "1.00"]


def test_what_must_be_said_is_said(fakes: SimpleNamespace) -> None:
    text = " ".join(lines_of(report(fakes.result())))
    for sentence in (
        fakes.label,
        "Candidates closer than the band (±) cannot be told apart by latency",
        "A score is not an accuracy",
        "8 of the 133 networks of the front",
        "exceeds a budget of this run",
        "gmacs 0.1 is outside 0.27 to 36",
        "random search after as many trials 0.842 (x1.083)",
        "wrote runs/efficientformer-iphone12-1/",
    ):
        assert sentence in text


def test_without_a_device_there_is_no_word_on_latency(fakes: SimpleNamespace) -> None:
    def free(member: object) -> object:
        return fakes.member(1, costs={**member.costs, "latency_ms": None}, file=member.file)  # type: ignore[attr-defined]

    result = fakes.result(
        front=tuple(free(m) for m in fakes.result().front),
        references=(),
        objectives=("quality", "macs", "params"),
        targets=(),
    )
    text = "\n".join(lines_of(report(result)))
    assert "latency" not in text
    assert "stated" not in text
    assert "MACs G" in text  # the plot's axis


def test_a_sick_network_is_shown_with_its_reasons(fakes: SimpleNamespace) -> None:
    reasons = [f"stages.{k}: dead" for k in range(5)]
    sick = fakes.member(3, health={"verdict": "suspicious", "reasons": reasons})
    lines = lines_of(front_table(fakes.result(front=(sick,))))
    assert "suspect" in row(lines, "03-03")
    assert "is suspicious: stages.0: dead; stages.1: dead; stages.2: dead; and 2 more" in " ".join(lines)


def test_an_interrupted_search_has_no_health_and_may_have_no_quality(fakes: SimpleNamespace) -> None:
    unchecked = fakes.member(1, health={}, scores={}, quality=None)
    lines = lines_of(report(fakes.result(front=(unchecked,), references=(), files=(unchecked.file,))))
    assert "health" not in " ".join(lines)
    assert row(lines, "01-01").split()[-1] == "-"
    assert "1 architectures, 01-*.yaml" in " ".join(lines)


def test_an_empty_front_prints(fakes: SimpleNamespace) -> None:
    text = "\n".join(lines_of(report(fakes.result(front=(), references=(), files=(), front_size=0))))
    assert "wrote runs/" in text
    assert "next:" not in text


def test_a_measured_device_without_a_band(fakes: SimpleNamespace) -> None:
    lines = lines_of(
        front_table(fakes.result(targets=(fakes.target(band=math.nan, label="mine (measured)"),)))
    )
    assert row(lines, "01-01").split()[1:3] == ["0.94", "4.20"]
    assert "latency: mine (measured)." in lines


def test_columns_shorten_before_they_go() -> None:
    columns = [
        Column("a", ["1234567890"], short=["12345"]),
        Column("b", ["12345"], drop=1),
        Column("c", ["12345"], drop=2),
    ]
    assert [c.cells[0] for c in fit(columns, 24)[0]] == ["1234567890", "12345", "12345"]
    assert fit(columns, 24)[1] == 2
    assert fit(columns, 22)[1] == 1
    assert [c.cells[0] for c in fit(columns, 19)[0]] == ["12345", "12345", "12345"]
    assert [c.header for c in fit(columns, 12)[0]] == ["a", "b"]
    assert [c.header for c in fit(columns, 3)[0]] == ["a"]


def test_dry_run(fakes: SimpleNamespace) -> None:
    lines = lines_of(dry_run_table(fakes.dry()))
    assert max(map(len, lines)) <= 80
    assert lines[0] == "space efficientformer: 4.5e+21 architectures, 57 genes"
    assert row(lines, "latency ").split() == ["latency", "0.61", "ms", "1.72", "ms", "5.90", "ms"]
    assert row(lines, "latency:") == f"latency: {fakes.label}"
    assert row(lines, "latency_ms <= 1.60 ms").endswith("31.0 %")
    assert row(lines, "params <= 2.00 M").endswith("0.002 %")
    assert row(lines, "all together").endswith("none of the sample")
    assert lines[-1].startswith("2,000,000 trials at 214k/s: about 49 s")


def test_dry_run_with_one_budget_or_none(fakes: SimpleNamespace) -> None:
    one = lines_of(dry_run_table(fakes.dry(budgets={"params <= 2.00 M": 0.5, "all": 0.5})))
    assert sum("50.0 %" in line for line in one) == 1
    none = lines_of(dry_run_table(fakes.dry(budgets={}, size=12)))
    assert "budget" not in " ".join(none)
    assert none[0] == "space efficientformer: 12 architectures, 57 genes"


ROW = {
    "name": "efficientformer-s0", "id": "0123456789ab", "params": 3_600_256, "macs": 400_000_000,
    "activations": 5_000_000, "peak_bytes": 2 * 2**20, "latency_ms": 0.9, "scores": {},
}  # fmt: skip


def test_scores(fakes: SimpleNamespace) -> None:
    measured = {
        **ROW, "targets": [asdict(fakes.target(label="phone (fitted)", band=0.1))],
        "scores": {"naswot": 130.5}, "failures": {"token_entropy": "no block has an fc1"},
    }  # fmt: skip
    lines = lines_of(score_tables([measured]))
    assert max(map(len, lines)) <= 80
    assert lines[2].split() == [
        "efficientformer-s0",
        "0123456789ab",
        "3.60",
        "0.400",
        "5.00",
        "2.0",
        "0.90",
        "±0.09",
    ]
    assert "latency: phone (fitted)" in lines
    assert row(lines, "efficientformer-s0  naswot").endswith("130.5")
    assert any(line.split()[:2] == ["token_entropy", "failed:"] for line in lines)
    assert lines[-1] == "A score is not an accuracy."


def test_prices_alone() -> None:
    lines = lines_of(score_tables([{**ROW, "latency_ms": None}]))
    assert "latency" not in " ".join(lines)
    assert len(lines) == 3


def test_words() -> None:
    assert [count(v) for v in (0, 2_000_000, 4.5e21)] == ["0", "2,000,000", "4.5e+21"]
    speeds = [speed(v) for v in (0, 0.04, 3.2, 2500, 204_400, 5.3e6)]
    assert speeds == ["0.0/s", "0.04/s", "3.2/s", "2,500/s", "204k/s", "5.30M/s"]
    times = [duration(s) for s in (0.42, 9.97, 41.2, 125, 3780, math.inf, math.nan)]
    assert times == ["0.4 s", "10 s", "41 s", "2 min 05 s", "1 h 03 min", "?", "?"]
    assert [share(s) for s in (0, 1e-5, 0.31, 0.99999, 1)] == ["0 %", "0.001 %", "31.0 %", "99.9 %", "100 %"]
    assert (ratio(3, 2), ratio(1, 0)) == ("x1.500", "x?")


def test_figures_of_tiny_networks_are_not_rounded_away() -> None:
    assert [AXES["params"].text(v) for v in (12_710_112, 123_456, 12_345, 0, None)] == [
        "12.71", "0.12", "0.012", "0.00", "-",
    ]  # fmt: skip
    assert AXES["quality"].text(0.004) == "0.004"


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
