from __future__ import annotations

import math
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from vitnas.report.terminal.axes import axis_of
from vitnas.report.terminal.dry_run_table import dry_run_table
from vitnas.report.terminal.fitted_table import Column, fit
from vitnas.report.terminal.score_tables import score_tables
from vitnas.report.terminal.summary import report
from vitnas.report.terminal.tables import front_table, with_band
from vitnas.report.terminal.wording import count, duration, ratio, share, speed

from .conftest import ROW, lines_of, row


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
        return fakes.member(1, costs={**member.costs, "latency_ms": None}, written=member.written)  # type: ignore[attr-defined]

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
    lines = lines_of(report(fakes.result(front=(unchecked,), references=(), files=(unchecked.written,))))
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
    assert "2,000,000 trials at 214k/s: about 49 s" in " ".join(lines[-2:])


def test_dry_run_with_one_budget_or_none(fakes: SimpleNamespace) -> None:
    one = lines_of(dry_run_table(fakes.dry(budgets={"params <= 2.00 M": 0.5, "all": 0.5})))
    assert sum("50.0 %" in line for line in one) == 1
    none = lines_of(dry_run_table(fakes.dry(budgets={}, size=12)))
    assert "budget" not in " ".join(none)
    assert none[0] == "space efficientformer: 12 architectures, 57 genes"


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
    assert [axis_of("params").text(v) for v in (12_710_112, 123_456, 12_345, 0, None)] == [
        "12.71", "0.12", "0.012", "0.00", "-",
    ]  # fmt: skip
    assert axis_of("quality").text(0.004) == "0.004"


def test_what_the_law_expects_stands_beside_the_score(fakes: SimpleNamespace) -> None:
    def expected(value: float, *reasons: str) -> dict[str, object]:
        return {
            "expected_top1": {
                "value": value,
                "low": value - 1.1,
                "high": value + 1.1,
                "out_of_range": reasons,
            }
        }

    result = fakes.result()
    front = [replace(m, scores=expected(70 + 0.1 * k)) for k, m in enumerate(result.front)]
    front[0] = replace(front[0], scores=expected(60, "params 1e+05 is outside the published 3e+06"))
    published = [replace(m, scores=expected(76.1)) for m in result.references]
    level = replace(result, front=tuple(front), references=tuple(published))
    text = lines_of(front_table(level), 120)
    assert "70.1 ±1.1" in row(text, "02-02") and "no claim" in row(text, "01-01")
    assert "76.1 ±1.1" in row(text, "◆   s0")
    assert any("Nothing here can be told from s0" in line for line in text)
    assert any("expected top-1 is a guess for 1" in line for line in text)
    better = tuple(replace(m, scores=expected(79)) for m in front)
    told = " ".join(lines_of(front_table(replace(level, front=better)), 120))
    assert "Nothing here can be told from s0" not in told


@pytest.mark.parametrize(
    ("figure", "band", "text"),
    [(1.53, 0.1, "1.53 ±0.15"), (0.02, 0.05, "0.020 ±0.001"), (0.004, 0.02, "0.0040 ±0.0001")],
)
def test_a_band_is_never_rounded_to_nothing(figure: float, band: float, text: str) -> None:
    assert with_band(figure, band) == text


def test_an_idle_budget_stands_below_the_table(fakes: SimpleNamespace) -> None:
    said = "latency_ms <= 2.00 ms excludes nothing of the front, which ends at 1.29 ms"
    assert f"{said}." in " ".join(lines_of(front_table(fakes.result(idle=(said,))), 120))
