"""The one decoder of image files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from vitnas.errors import InvalidData, missing_extra
from vitnas.formats.refusing import refusing

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM", "TIFF", "MPO")  # Pillow runs programs for some others
MOST_PIXELS = 1 << 27


def decode_picture(encoded: bytes, mode: str | None, where: str) -> Image:
    """An image file's bytes as an image.

    Args:
        encoded: the file.
        mode: Pillow's, such as ``RGB``; None for the file's own.
        where: to name in errors.

    Raises:
        InvalidData: it is no image, a damaged one, or of absurd size.
        MissingExtra: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise missing_extra("pillow", "images") from None
    with refusing(where, "not a readable image", InvalidData):
        try:
            picture = Image.open(io.BytesIO(encoded), formats=FORMATS)
        except UnidentifiedImageError:  # which names an address in memory
            raise InvalidData(f"{where}: not a readable image: none of {', '.join(FORMATS)}") from None
        with picture as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise InvalidData(f"{where}: {opened.width} x {opened.height} pixels are too many")
            return opened.convert(mode) if mode else opened.copy()
