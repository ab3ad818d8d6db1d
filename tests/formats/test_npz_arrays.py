"""The one reader of ``.npz``: whatever is damaged is one error, and only what is named is read."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from vitnas.errors import InvalidData
from vitnas.formats.npz_arrays import open_npz, read_npz


def npy(header: str) -> bytes:
    """A file whose header is hand-written."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def archive(**entries: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(f"{name}.npy", data)
    return out.getvalue()


def whole() -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.arange(200.0), y=np.array(["a"]))
    return out.getvalue()


def objects() -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.array([{}], dtype=object))
    return out.getvalue()


def test_only_the_arrays_that_are_named_are_read(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(
        archive(x=npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }"), bomb=b"no array")
    )
    with open_npz(path) as arrays:
        assert arrays.names == ["bomb", "x"] and arrays["x"].shape == (0,)


BAD = {
    "huge": archive(x=npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }")),
    "negative": archive(x=npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }")),
    "code": archive(x=npy("__import__('os').abort()")),
    "more": archive(x=npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }") + b"ab"),
    "empty entry": archive(x=b""),
    "objects": objects(),
    "empty": b"",
    "text": b"no archive",
    "one array": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0,), }"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_no_array_is_refused(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(InvalidData, match=r"a\.npz: .+"):
        read_npz(tmp_path / "a.npz")


def test_damage_anywhere_is_refused_or_in_what_nobody_reads(tmp_path):
    good, path, refused = whole(), tmp_path / "a.npz", 0
    for place in range(0, len(good), 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            found = read_npz(path)
        except InvalidData:
            refused += 1
        else:
            assert "x" not in found or (found["x"] == np.arange(200.0)).all()
    assert refused > len(good) // 7 // 2
