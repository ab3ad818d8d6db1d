"""The one reader of tables: what makes no difference, and what is refused."""

from __future__ import annotations

import re

import pytest

from vitnas.errors import InvalidData
from vitnas.formats.csv_table import read_csv

PLAIN = b"a,b\n1,2\n3,4\n"
SAME = {
    "spaces": b" a , b\n 1 ,2\n3, 4 \n",
    "byte-order mark": b"\xef\xbb\xbfa,b\n1,2\n3,4\n",
    "CRLF": b"a,b\r\n1,2\r\n3,4\r\n",
    "CR": b"a,b\r1,2\r3,4\r",
    "no last newline": b"a,b\n1,2\n3,4",
    "empty rows": b"a,b\n,\n1,2\n\n3,4\n , \n,,\n",
    "empty columns": b"a,b,,\n1,2,,\n3,4,,\n",
    "quotes": b'"a","b"\n"1","2"\n3,4\n',
    "another order": b"b,a\n2,1\n4,3\n",
}
BAD = {
    b"": "is empty; expected a header",
    b",,\n1,2,3\n": "is empty; expected a header",
    b"a, a\n1,2\n": ":1: column 'a': stands 2 times",
    b"a;b\n1;2\n": ":1: the columns are separated by ';'",
    b"a\tb\n1\t2\n": ":1: the columns are separated by tabs",
    b"a,c\n1,2\n": ":1: 'b': the column is missing; found: a, c",
    b"a,b\n1,2,3\n": ":2: 3 fields; the header has 2",
    b"a,b,\n1,2,3\n": ":2: 3 fields; the header has 3",
    b"a,b\n1\n": ":2: 1 fields; the header has 2",
    b'a,b\n1,"2\n3,4\n': "cannot be read as CSV",
    b'a,b\n1,"2"3\n': "cannot be read as CSV",
    b"a,b\n1,\xff\n": ":2: is no UTF-8 text (byte 0xff); save it as UTF-8",
    "a,b\n1,2\n".encode("utf-16"): "is UTF-16; save it as UTF-8",
    b"a,b\n1,\x1b[2J\n": ":2: holds the control character U+001B",
    b"a,b\n1,\x00\n": ":2: holds the control character U+0000",
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME)
def test_what_spreadsheets_add_makes_no_difference(tmp_path, data):
    (tmp_path / "t.csv").write_bytes(data)
    rows = read_csv(tmp_path / "t.csv", ("a", "b")).rows
    assert [(row.whole("a"), row.whole("b")) for row in rows] == [(1, 2), (3, 4)]


@pytest.mark.parametrize(("data", "said"), BAD.items(), ids=range(len(BAD)))
def test_what_is_no_table_is_refused_in_one_line(tmp_path, data, said):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(InvalidData, match=re.escape(said)) as caught:
        read_csv(tmp_path / "t.csv", ("a", "b"))
    assert "t.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_rows_may_end_before_columns_that_nobody_needs(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c,d\n1,2\n3,4,5\n6\n")
    with pytest.raises(InvalidData, match=":4: 1 fields"):
        read_csv(tmp_path / "t.csv", ("a", "b"), whole_rows=False)
    (tmp_path / "t.csv").write_text("a,b,c,d\n1,2\n3,4,5\n")
    assert [row["c"] for row in read_csv(tmp_path / "t.csv", ("a", "b"), whole_rows=False).rows] == ["", "5"]


@pytest.mark.parametrize(
    "cell", ["1_0", "nan", "inf", "1e999", "0x10", "1,5", "5 ms", "", "\u0663", "1e", "--1"]
)
def test_a_cell_that_is_no_finite_number_names_its_place(tmp_path, cell):
    (tmp_path / "t.csv").write_text(f'a,b\n1,"{cell}"\n', encoding="utf-8")
    (row,) = read_csv(tmp_path / "t.csv").rows
    with pytest.raises(InvalidData, match=r"t\.csv:2: column 'b': .* is no (finite )?number"):
        row.number("b")
