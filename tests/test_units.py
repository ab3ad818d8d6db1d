from __future__ import annotations

import pytest

from vitnas.errors import InvalidInput
from vitnas.figures import parse_quantity
from vitnas.units import parse_count, parse_duration, parse_pairs, percent


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


DOUBTFUL = [
    "1,5k",
    "1,500k",
    "1,500.5",
    "1,50",
    "13,00,000",
    "1__3",
    "1_3",
    "_1",
    "1_",
    "1,",
    ",5",
    "\u0663",
    "1e99999",
]


@pytest.mark.parametrize("text", DOUBTFUL)
def test_counts_and_quantities_refuse_the_same_texts(text: str) -> None:
    with pytest.raises(InvalidInput, match="`trials`"):
        parse_count(text, "`trials`")
    with pytest.raises(InvalidInput, match="`max_params`"):
        parse_quantity("params", text, where="`max_params`")


@pytest.mark.parametrize(
    "text", ["1,000,000", "1_000_000", "1000k", "1.0M", "1e6", "1000 k", "0.001G", "0.000001T"]
)
def test_counts_and_quantities_take_the_same_texts(text: str) -> None:
    assert parse_count(text, "`trials`") == parse_quantity("params", text) == 1_000_000


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1,5", "1_0", "1e999", "1__3"])
def test_options_of_a_strategy_are_numbers_or_plainly_none(value: str) -> None:
    with pytest.raises(InvalidInput, match="--o: "):
        parse_pairs((f"rate={value}",), "--o")


@pytest.mark.parametrize(("share", "text"), [(0.0965, "10"), (0.01, "1"), (0.004, "0.4"), (0.0, "0")])
def test_a_small_error_is_not_none(share: float, text: str) -> None:
    assert percent(share) == text
