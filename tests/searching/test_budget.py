from __future__ import annotations

import numpy as np
import pytest

from vitnas.errors import InvalidBudget, UnknownName
from vitnas.figures import FIGURES, format_quantity, parse_quantity
from vitnas.searching.budget import Budget, check_budgets, idle, parse_budget, violation


@pytest.mark.parametrize(
    ("cost", "text", "value"),
    [
        ("latency_ms", "1.6ms", 1.6),
        ("latency_ms", "1.6", 1.6),
        ("latency_ms", 1.6, 1.6),
        ("latency_ms", "900us", 0.9),
        ("latency_ms", "900 µs", 0.9),
        ("latency_ms", "0.0016s", 1.6),
        ("latency_ms", "1.6e3us", 1.6),
        ("latency_ms@iphone12", "1.6ms", 1.6),
        ("throughput_per_s", "5000", 5e3),
        ("throughput_per_s", "5k", 5e3),
        ("throughput_per_s", "5.2K/s", 5.2e3),
        ("throughput_per_s@gpu", "5000 images/s", 5e3),
        ("params", "13M", 13e6),
        ("params", "13000000", 13e6),
        ("params", "13_000_000", 13e6),
        ("params", "0.013B", 13e6),
        ("macs", "1.3G", 1.3e9),
        ("macs", "650M", 650e6),
        ("macs", "1.3GMACs", 1.3e9),
        ("macs", "650 MMACs", 650e6),
        ("macs", "5e8 MACs", 5e8),
        ("activations", "5M", 5e6),
        ("peak_bytes", "2MB", 2e6),
        ("peak_bytes", "2MiB", 2 * 1024**2),
        ("peak_bytes", "320KiB", 320 * 1024),
        ("peak_bytes", "320kb", 320e3),
        ("peak_bytes", "1024", 1024.0),
    ],
)
def test_quantities_are_read(cost: str, text: str | float, value: float) -> None:
    assert parse_quantity(cost, text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("max-latency", "abc", "'abc' is not a number"),
        ("max-latency", "", "'' is not a number"),
        ("max-latency", "nan", "not a number"),
        ("max-latency", "1.6.2ms", "not a number"),
        ("max-latency", "1,6ms", "ms or s"),
        ("max-latency", "1.6MB", "unknown unit 'MB'"),
        ("max-latency", "-1ms", "above 0"),
        ("max-latency", "0", "above 0"),
        ("max-latency", "1e999", "finite"),
        ("max-params", "13ms", "unknown unit 'ms' (write K, M or B, such as 13M)"),
        ("max-macs", "1.3GB", "unknown unit 'GB'"),
        ("max-activation-memory", "2M", "2MiB"),
        ("max-latencies", "1ms", "did you mean 'max-latency'?"),
        ("latency", "1ms", "did you mean 'max-latency'?"),
        ("throughput", "1k", "did you mean 'min-throughput'?"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(option: str, text: str, says: str) -> None:
    with pytest.raises(InvalidBudget) as error:
        parse_budget(option, text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_option_stands_in_the_message() -> None:
    with pytest.raises(InvalidBudget, match=r"^`max_params`: "):
        parse_budget("--max-params", "13 parsecs")


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_must_be_positive(limit: float) -> None:
    with pytest.raises(InvalidBudget, match="above 0"):
        Budget("params", limit)


def test_unknown_costs_are_refused() -> None:
    with pytest.raises(UnknownName, match="latency_ms"):
        Budget("latency", 1.0)


def test_violation_is_the_sum_of_relative_excesses() -> None:
    budgets = [Budget("params", 10.0), Budget("latency_ms", 2.0), Budget("params", 4.0, at_least=True)]
    costs = {"params": np.array([10, 15, 2, 10]), "latency_ms": np.array([2.0, 3.0, 1.0, np.nan])}
    assert violation(costs, budgets) == pytest.approx([0.0, 1.0, 0.5, np.inf])


def test_without_budgets_everything_is_within() -> None:
    assert violation({"params": np.array([1, 2])}, []).tolist() == [0.0, 0.0]
    assert violation({}, []).tolist() == []


def test_contradictory_budgets_are_refused() -> None:
    low, high = parse_budget("min-params", "20M"), parse_budget("max-params", "13M")
    with pytest.raises(InvalidBudget, match=r"`min_params` 20.0 M lies above `max_params` 13.0 M"):
        check_budgets([high, low])
    with pytest.raises(InvalidBudget, match=r"`max_params` is given twice"):
        check_budgets([high, high])
    fine = (parse_budget("min-params", "13M"), high, parse_budget("max-latency", "1ms"))
    assert check_budgets(fine) == fine


@pytest.mark.parametrize(
    ("cost", "value", "text"),
    [
        ("params", 3_600_000, "3.60 M"),
        ("params", 999_999, "1.00 M"),
        ("params", 999, "999"),
        ("macs", 1.25e9, "1.25 G"),
        ("macs", 650e6, "650 M"),
        ("latency_ms", 1.6, "1.60 ms"),
        ("latency_ms", 0.0123, "12.3 us"),
        ("latency_ms", 2500.0, "2.50 s"),
        ("latency_ms@iphone12", 1.6, "1.60 ms"),
        ("throughput_per_s", 20_727.0, "20.7 K/s"),
        ("throughput_per_s", 320.4, "320/s"),
        ("peak_bytes", 2 * 1024**2, "2.0 MiB"),
        ("peak_bytes", 12, "12 B"),
        ("params", float("nan"), "unknown"),
    ],
)
def test_quantities_are_written_for_people(cost: str, value: float, text: str) -> None:
    assert format_quantity(cost, value) == text


@pytest.mark.parametrize("cost", sorted(FIGURES))
@pytest.mark.parametrize("value", [0.5, 1.6, 320.0, 4.5e5, 1.3e7, 2.1e9])
def test_what_is_written_can_be_read_again(cost: str, value: float) -> None:
    whole = round(value) if cost not in ("latency_ms",) and value < 1000 else value
    if whole > 0:
        assert parse_quantity(cost, format_quantity(cost, whole)) == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget("latency_ms", 2.0), "<= 2.00 ms excludes nothing of the front, which ends at 1.29 ms"),
        (Budget("latency_ms", 1.4), None),
        (
            Budget("latency_ms", 0.2, at_least=True),
            ">= 0.20 ms excludes nothing of the front, which begins at 0.90 ms",
        ),
        (Budget("latency_ms", 0.8, at_least=True), None),
        (Budget("latency_ms", 2.0, device="phone"), None),
    ],
)
def test_a_budget_that_the_front_stays_far_from_is_said(budget: Budget, said: str | None) -> None:
    assert idle([budget], {"latency_ms": np.array([0.9, 1.29])}) == ([f"latency_ms {said}"] if said else [])
    assert not idle([budget], {"latency_ms": np.array([])})
