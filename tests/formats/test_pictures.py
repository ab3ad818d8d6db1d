"""The one decoder of images."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from vitnas.errors import InvalidData
from vitnas.formats.pictures import decode_picture


def encoded(kind: str, side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), (1, 2, 3)).save(out, kind)
    return out.getvalue()


BAD = {
    "empty": b"",
    "text": b"no image",
    "half": encoded("PNG", 64)[:80],
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
    "gif": encoded("GIF"),
    "bomb": b"P6 100000 100000 255\n",
    "damaged header": encoded("PNG")[:20] + b"\xff" * 20,
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_whatever_cannot_be_decoded_is_one_line(data):
    with pytest.raises(InvalidData, match=r"^here: \S.+") as caught:
        decode_picture(data, "RGB", "here")
    assert "\n" not in str(caught.value) and "0x" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP"])
def test_every_kind_that_folders_are_searched_for(kind):
    assert decode_picture(encoded(kind), "L", "here").size == (8, 8)
