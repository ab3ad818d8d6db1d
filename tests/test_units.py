from __future__ import annotations

import pytest

from vitnas.errors import InvalidInput
from vitnas.units import parse_count, parse_duration, parse_pairs


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("300", 300),
        ("500k", 500_000),
        ("2M", 2_000_000),
        ("1.5k", 1500),
        ("1e6", 1_000_000),
        ("2,000", 2000),
        ("1_000", 1000),
    ],
)
def test_counts(text: str, value: int) -> None:
    assert parse_count(text, "`trials`") == value


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "k", "2MB", "nan", "1e400", "0.0001k", "_1"])
def test_wrong_counts(text: str) -> None:
    with pytest.raises(InvalidInput, match="`trials`"):
        parse_count(text, "`trials`")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("2m", 120.0), ("1h", 3600.0), ("1h30m", 5400.0), ("1.5 min", 90.0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "`time`") == seconds


@pytest.mark.parametrize("text", ["", "0", "-3s", "abc", "2d", "1h30", "s", "1 2", "9" * 400])
def test_wrong_durations(text: str) -> None:
    with pytest.raises(InvalidInput, match="`time`"):
        parse_duration(text, "`time`")


def test_pairs() -> None:
    given = ("size=3", "learning-rate = 1e-2", "is_greedy=True", "kind=near=far")
    found = parse_pairs(given, "`strategy_options`")
    assert found == {"size": 3, "learning_rate": 0.01, "is_greedy": True, "kind": "near=far"}
    assert [type(value) for value in found.values()] == [int, float, bool, str]


def test_wrong_pairs_are_all_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_pairs(("size", "=3", "size=", "rate=1", "rate=2"), "--o")
    wrong = "'size' is not NAME=VALUE; '=3' is not NAME=VALUE; 'size=' is not NAME=VALUE; 'rate' stands twice"
    assert str(caught.value) == f"--o: {wrong}"
