from __future__ import annotations

import io
import sys

import pytest

from vitnas.cli._plain_text import print_plainly
from vitnas.cli.main import main

LINE = "±10 % ─├ 3×2 … ✓ é 中 µs"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "+-10 % -+ 3x2 ... ok e ? us"),
        ("latin-1", "±10 % -+ 3×2 ... ok é ? µs"),
        ("cp1252", "±10 % -+ 3×2 … ok é ? µs"),
        ("utf-8", LINE),
    ],
)
def test_what_an_encoding_lacks_is_written_plainly(encoding, shown, monkeypatch):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    print_plainly()
    for stream in (out, err):
        stream.write(LINE)
        stream.flush()
        assert stream.buffer.getvalue().decode(encoding) == shown


@pytest.mark.parametrize(
    "words", ["--help", "search --help", "devices", "proxies", "strategies", "spaces", "spaces show tiny32"]
)
def test_no_command_fails_for_its_characters(words, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    out.flush()
    assert ended.value.code == 0 and out.buffer.getvalue()
