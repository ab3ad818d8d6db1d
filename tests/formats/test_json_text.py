"""The one reader of JSON: what Python's own lets pass."""

from __future__ import annotations

import pytest

from vitnas.errors import RunCorrupt
from vitnas.formats.json_text import read_json

BAD = {
    b'{"a": NaN}': "NaN is no number",
    b'{"a": -Infinity}': "-Infinity is no number",
    b'{"a": 1e999}': "1e999 is too large",
    b'{"a": 1, "b": 2, "a": 3}': "the key 'a' stands twice",
    b'{"a": 1': ":1: is no JSON",
    b"": ":1: is no JSON",
    b"[" * 100_000: "nested too deeply",
    b"1" * 10_000: "is no JSON of ours",
    b'{"a": "\xff"}': "is no UTF-8",
    b'{"a": "\x00"}': "control character",
}


@pytest.mark.parametrize(("data", "said"), BAD.items(), ids=range(len(BAD)))
def test_a_damaged_file_is_one_error(tmp_path, data, said):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(RunCorrupt, match=said) as caught:
        read_json(tmp_path / "x.json", RunCorrupt)
    assert "x.json" in str(caught.value) and "\n" not in str(caught.value)
