"""Reading the results of a kit: what is read, and what is refused in which words."""

from __future__ import annotations

import math
import re

import pytest

from vitnas.hardware.kit.results import InvalidResults, one_each, read_results


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,latency_ms\nempty,1,23\n",
            ":2: 3 fields; the header has 2",
        ),
        ('id,latency_ms\nempty,"1,23"\n', "'1,23' is no number; write decimals with a point: 1.23"),
        (
            "id,latency_ms,iqr_ms\nempty,1,23\nabc,2,50\n",
            "decimals with a comma make two columns; write 1.23",
        ),
        (
            "id,latency_ms,iqr_ms\nempty,0,23\n",
            "decimals with a comma make two columns; write 0.23, not 0,23",
        ),
        (
            "id;latency_ms\nempty;1,23\n",
            ":1: the columns are separated by ';'; separate them by ','",
        ),
        ("id,latency_us\nempty,1\n", "rename 'latency_us' to latency_ms and say `unit` us"),
        ("id,time\nempty,1\n", "'latency_ms': the column is missing; found: id, time"),
        ("", "is empty; expected a header"),
        ("id,latency_ms\n", "no row holds a time"),
        ("id,latency_ms\nempty,\n\n", "no row holds a time"),
        ("id,latency_ms\nempty,-0.5\n", ":2: latency_ms: -0.5 is no time; it must be above 0"),
        ("id,latency_ms\nempty,0\n", "must be above 0; was it 0,... with a decimal comma?"),
        ("id,latency_ms\nempty,fast\n", "latency_ms: 'fast' is no number; write the number alone"),
        ("id,latency_ms\nempty,nan\n", "latency_ms: 'nan' is no number"),
        ("id,latency_ms\n,0.5\n", ":2: the id is missing"),
        ("id,latency_ms,iqr_ms,runs\nempty,0.5,0.1,0\n", "is too small"),
    ],
)
def test_rows_that_cannot_be_read_are_named(tmp_path, text, message):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(InvalidResults, match=re.escape(message)):
        read_results(path)


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("id,latency_ms\na,0.5\nb,-1\nc,slow\nd,0.25\n")
    with pytest.raises(InvalidResults, match=r"results.csv:3: .* \(and 1 more\)") as problem:
        read_results(path)
    assert [text.split(":")[1] for text in problem.value.problems] == ["3", "4"]


def test_other_columns_byte_order_marks_and_units_are_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("\ufeffname,id,latency_ms,iqr_ms\nx,a,0.5,0.01,,\ny,b,,\nz,c,0.25\n", encoding="utf-8")
    results = read_results(path, unit="s")
    assert [(r.id, r.latency_ms, r.runs, r.line) for r in results] == [("a", 500, 1, 2), ("c", 250, 1, 4)]
    assert results[0].iqr_ms == pytest.approx(10) and math.isnan(results[1].iqr_ms)


def test_rows_that_agree_are_one_and_others_contradict(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("id,latency_ms\na,1.00\nb,2\na,1.04\na,1.01\n")
    kept, notes = one_each(path, read_results(path))
    assert kept["a"].latency_ms == 1.01 and len(notes) == 1 and "lines 2, 4, 5; their median" in notes[0]
    path.write_text("id,latency_ms\na,1.00\nb,2\na,1.06\n")
    with pytest.raises(InvalidResults, match=r"'a' stands in lines 2, 4 with 1 and 1.06 ms; keep the right"):
        one_each(path, read_results(path))
